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
        contributions.withUnsafeBufferPointer { contributions in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: max(0, min(count, contributions.count))) { top in
                guard let values = contributions.baseAddress else { return [] }
                return top[..<Self.top(values, into: top)].map { (feature: $0, contribution: values[$0]) }
            }
        }
    }

    /// The same from contributions where they lie, as many as there is room for.
    /// - Returns: how many.
    public static func top(
        _ contributions: UnsafePointer<Double>, into top: UnsafeMutableBufferPointer<Int>
    ) -> Int {
        var count = 0
        for feature in 0..<FeatureSchema.count {
            let size = abs(contributions[feature])
            var place = count
            // Behind those of the same size: they come earlier in the schema.
            while place > 0, abs(contributions[top[place - 1]]) < size { place -= 1 }
            guard place < top.count else { continue }
            if count < top.count { count += 1 }
            for index in stride(from: count - 1, to: place, by: -1) { top[index] = top[index - 1] }
            top[place] = feature
        }
        return count
    }
}
