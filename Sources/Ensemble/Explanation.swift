import Features

/// The explanation of one score: what each feature adds to the log-odds.
public struct Explanation: Sendable, Equatable {
    /// The model that is explained.
    package let model: ModelName
    /// How it was computed: `tree_shap_path_dependent` for trees, `linear` for the logistic regression, or both with a `+`.
    package let method: String
    /// Expected log-odds: the score of a row of which nothing is known.
    package let baseLogOdds: Double
    /// What each feature adds, in log-odds, in schema order.
    package let contributions: [Double]
    /// Log-odds of the score. `baseLogOdds` and the contributions add up to it within 1e-4, usually within 1e-6: scores add leaf
    /// values in 32-bit floats, as libxgboost does, contributions in 64 bits.
    package let logOdds: Double
    /// The score, exactly as `Ensemble.score` gives it.
    package let probability: Double

    /// The features with the largest contributions by absolute value, the largest first, ties in schema order.
    /// - Parameter count: most features to return.
    package func top(_ count: Int) -> [(feature: Int, contribution: Double)] {
        contributions.withUnsafeBufferPointer { contributions in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: max(0, min(count, contributions.count))) { top in
                guard let values = contributions.baseAddress else { return [] }
                return top[..<Self.top(values, into: top)].map { (feature: $0, contribution: values[$0]) }
            }
        }
    }

    /// Writes the indices of the features with the largest contributions, in the same order, as many as `top` has room for.
    /// - Parameter contributions: `FeatureSchema.count` doubles.
    /// - Returns: the number of features written.
    /// - Complexity: O(features × room); nothing is allocated.
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
