/// Where a partition begins and ends.
package struct Watermarks: Hashable, Sendable {
    /// The offset of the oldest message that the broker still has.
    package let low: Int64
    /// The offset that the next message will have.
    package let high: Int64
}
