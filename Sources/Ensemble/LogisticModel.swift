import Events
import Features

/// Logistic regression over transformed, standardised features; a missing value has a weight of its own.
///
/// log-odds = intercept + Σ (value missing ? missingWeight : weight · clip((transform(value) − mean) / scale, ±clip))
public struct LogisticModel: Equatable, Sendable, Codable {
    public struct Term: Equatable, Sendable, Codable {
        public var feature: String
        /// Take sign(x) · ln(1 + |x|) first.
        public var isLogarithmic: Bool
        public var mean: Double
        public var scale: Double
        public var weight: Double
        public var missingWeight: Double
        /// Mean of `logOdds` over the training points, weighted as in training: what an explanation measures a value's share
        /// from. `nil` in files of before there were explanations; these then measure from 0, which is what the mean of the
        /// values that are not missing adds.
        public var expectedLogOdds: Double?

        public init(
            feature: String, isLogarithmic: Bool, mean: Double, scale: Double, weight: Double, missingWeight: Double,
            expectedLogOdds: Double? = nil
        ) {
            self.feature = feature
            self.isLogarithmic = isLogarithmic
            self.mean = mean
            self.scale = scale
            self.weight = weight
            self.missingWeight = missingWeight
            self.expectedLogOdds = expectedLogOdds
        }

        /// The value as it is before standardising.
        @inlinable
        public func transformed(_ x: Double) -> Double {
            isLogarithmic ? (x < 0 ? -Elementary.log1p(-x) : Elementary.log1p(x)) : x
        }

        /// The standardised value; `nil` when it is missing.
        @inlinable
        public func standardised(_ value: Float) -> Double? {
            if value.isNaN { return nil }
            return min(max((transformed(Double(value)) - mean) / scale, -LogisticModel.clip), LogisticModel.clip)
        }

        /// What a value adds to the log-odds.
        public func logOdds(_ value: Float) -> Double { standardised(value).map { weight * $0 } ?? missingWeight }
    }

    /// Standard deviations beyond which a value counts as this far out.
    public static let clip = 4.0

    public var intercept: Double
    /// One term a feature, in schema order.
    public var terms: [Term]

    public init(intercept: Double, terms: [Term]) {
        self.intercept = intercept
        self.terms = terms
    }

    /// Log-odds of one row.
    /// - Complexity: O(features).
    public func margin(_ row: UnsafePointer<Float>) -> Double {
        var sum = intercept
        for (index, term) in terms.enumerated() { sum += term.logOdds(row[index]) }
        return sum
    }
}
