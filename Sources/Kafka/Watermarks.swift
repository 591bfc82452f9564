/// The ends of a partition.
public struct Watermarks: Hashable, Sendable {
    /// The offset of the oldest message that is still there.
    public let low: Int64
    /// The offset that the next message will have.
    public let high: Int64
}
