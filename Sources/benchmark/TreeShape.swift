import Events
import Features
import Training

/// A shape of trees for which benchmark figures are published.
struct TreeShape {
    let name: String
    let parameters: [(String, String)]
    var rounds = 1
    /// Whether libraries that compile trees need no more than a minute or two for it.
    var compilesSoon = true

    static let boosted = TreeShape(
        name: "200 trees of depth 6", parameters: [("max_depth", "6"), ("eta", "0.05")], rounds: 200)
    static let forest = TreeShape(
        name: "forest of 300 trees of depth 8",
        parameters: [
            ("max_depth", "8"), ("eta", "1"), ("num_parallel_tree", "300"), ("subsample", "0.6"),
            ("colsample_bynode", "0.3"),
        ])
    /// A penalty avoids splits that cut off few rows, so that the last level still has something to split.
    static let fullerForest = TreeShape(
        name: "fuller forest of 300 trees of depth 8",
        parameters: forest.parameters + [("lambda", "100"), ("subsample", "1")], compilesSoon: false)

    /// Grown leaf by leaf, to no fixed depth.
    static let leafByLeaf = TreeShape(
        name: "forest of 300 trees of 256 leaves",
        parameters: [
            ("grow_policy", "lossguide"), ("max_leaves", "256"), ("max_depth", "0"), ("eta", "1"),
            ("num_parallel_tree", "300"), ("subsample", "0.6"), ("colsample_bynode", "0.3"), ("lambda", "10"),
        ], compilesSoon: false)

    /// Fitted to noise, so that trees become as large as the settings allow.
    func train(_ matrix: FeatureMatrix) throws -> Booster {
        var random = SplitMix64(seed: 1)
        let labels = (0..<matrix.rowCount).map { _ in random.next() % 2 == 0 }
        let common = [
            ("objective", "binary:logistic"), ("base_score", "0.5"), ("tree_method", "hist"), ("max_bin", "128"),
            ("min_child_weight", "0"), ("nthread", "1"), ("seed", "1"), ("verbosity", "0"),
        ]
        let booster = try Booster(
            data: TrainingMatrix(matrix, labels: labels, weights: []), parameters: common + parameters)
        for round in 0..<rounds { try booster.update(round: round) }
        return booster
    }
}
