import Events
import Features

/// Logistic regression over transformed, standardised features; a missing value has its own weight.
///
/// log-odds = intercept + Σ (value missing ? missingWeight : weight · clip((transform(value) − mean) / scale, ±clip))
public struct LogisticModel: Equatable, Sendable, Codable {
    /// One feature's part.
    public struct Term: Equatable, Sendable, Codable {
        /// The feature's name.
        public var feature: String
        /// Whether the value is transformed to sign(x) · ln(1 + |x|) first.
        public var isLogarithmic: Bool
        /// Mean of the transformed value over the training examples.
        public var mean: Double
        /// Standard deviation of the transformed value over the training examples.
        public var scale: Double
        /// Log-odds for each standard deviation.
        public var weight: Double
        /// Log-odds where the value is missing.
        public var missingWeight: Double
        /// Mean of `logOdds` over the training examples, weighted as in training; an explanation attributes to a value what it
        /// adds beyond this. `nil` in files older than explanations, where 0 is used, the mean over values that are present.
        public var expectedLogOdds: Double?

        /// A term; `expectedLogOdds` may be set once the weights are known.
        package init(
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

        /// The transformed value, before standardising.
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

        /// What a value adds to the log-odds; NaN is a missing one.
        public func logOdds(_ value: Float) -> Double { standardised(value).map { weight * $0 } ?? missingWeight }
    }

    /// Standardised values are clipped to ±clip.
    public static let clip = 4.0

    /// Log-odds of a row whose values are all at their means.
    public var intercept: Double
    /// One term a feature, in schema order.
    public var terms: [Term]

    /// - Parameter terms: one a feature, in schema order.
    package init(intercept: Double, terms: [Term]) {
        self.intercept = intercept
        self.terms = terms
    }

    /// Log-odds of one row.
    /// - Parameter row: as many floats as there are terms.
    /// - Complexity: O(features).
    public func margin(_ row: UnsafePointer<Float>) -> Double {
        var sum = intercept
        for (index, term) in terms.enumerated() { sum += term.logOdds(row[index]) }
        return sum
    }
}
