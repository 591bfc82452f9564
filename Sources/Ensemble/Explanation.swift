import Features

/// Why a row has the score that it has: what each feature adds to the log-odds.
public struct Explanation: Sendable, Equatable {
    public let model: ModelName
    /// How it was computed: `tree_shap_path_dependent` for trees, `linear` for the logistic regression, or both with a `+`.
    public let method: String
    /// Expected log-odds: what a row scores of which nothing is known.
    public let baseLogOdds: Double
    /// What each feature adds, in log-odds, in schema order.
    public let contributions: [Double]
    /// Log-odds of the score. `baseLogOdds` and the contributions add up to it but for `residualBound`.
    public let logOdds: Double
    /// The score, exactly as `Ensemble.score` gives it.
    public let probability: Double

    /// How far the sum may be from `logOdds`: scores add leaf values in 32-bit floats, as libxgboost does, contributions in
    /// 64 bits. Usually they differ by 1e-6.
    public static let residualBound = 1e-4

    /// The features of the largest contributions by absolute value, at most so many, the largest first, those of equal ones in
    /// schema order.
    public func top(_ count: Int) -> [(feature: Int, contribution: Double)] {
        contributions.enumerated().map { (feature: $0.offset, contribution: $0.element) }
            .sorted { (abs($1.contribution), $0.feature) < (abs($0.contribution), $1.feature) }
            .prefix(count).map { $0 }
    }
}
