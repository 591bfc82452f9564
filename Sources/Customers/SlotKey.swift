/// Where a hash's search begins in a table of open addressing.
///
/// Hashes of identifiers are no secret: whoever makes many identifiers whose hashes end alike would turn every search into a
/// walk through all of them. So the place depends on two random numbers of the table's own. Nothing that is published,
/// stored or iterated depends on it. Identifiers whose whole 64-bit hashes are equal still share a place.
package struct SlotKey: Sendable {
    private let mask: UInt64
    private let factor: UInt64

    /// Two random numbers.
    package init() {
        mask = .random(in: 0 ... .max)
        factor = .random(in: 0 ... .max) | 1
    }

    /// The first place to look for a hash.
    /// - Parameter slots: of the table, a power of two up to 2³².
    @inline(__always)
    package func home(of hash: UInt64, in slots: Int) -> Int {
        Int(truncatingIfNeeded: ((hash ^ mask) &* factor) >> 32) & (slots &- 1)
    }
}
