import Events

/// What features look up beside a customer's own events: fixed when the model was trained, carried by its artifact.
public struct FrozenTables: Equatable, Sendable {
    /// Countries by number of customers in the training period, most first; ties by name.
    public let countries: [String]
    private let ranks: [UInt64: Float]

    public init(countries: [String]) {
        self.countries = countries
        var ranks: [UInt64: Float] = [:]
        for (rank, country) in countries.enumerated() { ranks[contentHash(of: country)] = Float(rank) }
        self.ranks = ranks
    }

    /// A country's rank; unseen ones come after all others, NaN when the customer has none.
    public func countryRank(_ hash: UInt64) -> Float {
        if hash == 0 { return .nan }
        return ranks[hash] ?? Float(countries.count)
    }
}
