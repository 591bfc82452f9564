/// The ends of a partition.
package struct Watermarks: Hashable, Sendable {
    /// The offset of the oldest message that is still there.
    package let low: Int64
    /// The offset that the next message will have.
    package let high: Int64
}
