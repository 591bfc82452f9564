import Events

/// Encodes the country as a number, its rank by frequency among the training period's customers.
///
/// The ranks are fixed when a model is trained and travel with its artifact, so that serving encodes as training did.
public struct CategoryEncoding: Equatable, Sendable {
    /// Countries by number of customers in the training period, most first; ties by name.
    public let countries: [String]
    /// Ranks by the content hashes of the countries, which need not be hashed once more: open addressing, a power of two
    /// long, at most half full. A hash of 0 marks a free slot.
    let slots: [Slot]

    struct Slot: Equatable {
        var hash: UInt64 = 0
        var rank: Float
    }

    /// - Parameter countries: the most frequent first.
    public init(countries: [String]) {
        self.countries = countries
        var size = 2
        while size < 2 * countries.count { size *= 2 }
        var slots = [Slot](repeating: Slot(rank: Float(countries.count)), count: size)
        for (rank, country) in countries.enumerated() {
            let hash = contentHash(of: country)
            let slot = slots.withUnsafeBufferPointer { Self.slot(of: hash, in: $0) }
            slots[slot] = Slot(hash: hash, rank: Float(rank))
        }
        self.slots = slots
    }

    /// A country's rank; unseen ones come after all others, NaN when the customer has none.
    public func countryRank(_ hash: UInt64) -> Float {
        slots.withUnsafeBufferPointer { Self.countryRank(hash, in: $0) }
    }

    static func countryRank(_ hash: UInt64, in slots: UnsafeBufferPointer<Slot>) -> Float {
        hash == 0 ? .nan : slots[slot(of: hash, in: slots)].rank
    }

    /// The slot that has the hash, or the free one where it belongs.
    private static func slot(of hash: UInt64, in slots: UnsafeBufferPointer<Slot>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot].hash != hash, slots[slot].hash != 0 { slot = (slot + 1) & mask }
        return slot
    }
}
