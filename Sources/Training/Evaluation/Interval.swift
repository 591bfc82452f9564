/// A 95 % confidence interval: the 2.5th and the 97.5th percentile of a metric over bootstrap replicates.
package struct Interval: Codable, Equatable, Sendable {
    /// The lower end.
    package let low: Double
    /// The upper end.
    package let high: Double

    /// - Returns: `nil` where fewer than 40 replicates have a value.
    init?(_ values: [Double]) {
        let sorted = values.filter { !$0.isNaN }.sorted()
        guard sorted.count >= 40 else { return nil }
        low = sorted[Int((0.025 * Double(sorted.count - 1)).rounded())]
        high = sorted[Int((0.975 * Double(sorted.count - 1)).rounded())]
    }

    /// Reads `[low, high]`.
    package init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        low = try container.decode(Double.self)
        high = try container.decode(Double.self)
    }

    /// Writes `[low, high]`.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(low)
        try container.encode(high)
    }
}
