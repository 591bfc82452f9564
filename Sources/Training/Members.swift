import Ensemble
import Features

/// The three members, fitted on one training set.
struct Members {
    let logisticRegression: LogisticModel
    /// XGBoost model files and what they hold.
    let randomForestFile: [UInt8]
    let xgboostFile: [UInt8]
    let randomForest: TreeModel
    let xgboost: TreeModel

    /// - Parameter progress: told what is done, as a share of the whole.
    init(
        _ points: ScoringPoints, _ set: TrainingSet, _ settings: TrainingSettings, progress: (Double) -> Void
    ) throws {
        let labels = set.labels(points)
        guard labels.contains(true), labels.contains(false) else {
            throw TrainingError(
                "\(labels.count) training points and all have the same label: there is nothing to tell apart; "
                    + "give a longer history")
        }
        logisticRegression = LogisticTrainer.fit(
            points.rows(set.indices), labels: labels, weights: set.weights, ridge: settings.logisticRegression.ridge,
            withheld: settings.withheldFeatures)
        progress(0.3)

        let matrix = try QuantileMatrix(
            labels: labels, weights: set.weights, bins: Self.bins, threads: settings.threads
        ) { place, row in
            points.matrix.copyRow(set.indices[place], into: row)
            // A column without a value offers no split.
            for feature in settings.withheldFeatures { row[feature.rawValue] = .nan }
        }
        let forest = try Booster(data: matrix, parameters: Self.forestParameters(settings))
        try forest.update(round: 0)
        randomForestFile = try forest.modelFile()
        randomForest = try XGBoostModelFile.parse(randomForestFile, path: "random_forest.ubj")
        progress(0.6)

        let booster = try Booster(data: matrix, parameters: Self.xgboostParameters(settings))
        for round in 0..<settings.xgboost.trees {
            try booster.update(round: round)
            progress(0.6 + 0.4 * Double(round + 1) / Double(settings.xgboost.trees))
        }
        xgboostFile = try booster.modelFile()
        xgboost = try XGBoostModelFile.parse(xgboostFile, path: "xgboost.ubj")
    }

    /// Bins of each feature's values.
    private static let bins = 128

    /// The members' raw log-odds for some points, one array a member.
    func margins(_ points: ScoringPoints, _ indices: [Int]) -> [[Double]] {
        let rows = points.rows(indices)
        let logistic = (0..<rows.rowCount).map { row in
            rows[row].withUnsafeBufferPointer { logisticRegression.margin($0.baseAddress!) }
        }
        let trees = CompiledForest([randomForest, xgboost]).margins(rows)
        return [logistic] + trees.map { $0.map(Double.init) }
    }

    private static func common(_ settings: TrainingSettings, _ trees: TrainingSettings.Trees) -> [(String, String)] {
        [
            ("objective", "binary:logistic"), ("base_score", "0.5"), ("tree_method", "hist"), ("max_bin", "\(bins)"),
            ("seed", "\(settings.seed)"), ("nthread", "\(settings.threads)"), ("verbosity", "0"),
            ("eta", "\(trees.learningRate)"), ("max_depth", "\(trees.maxDepth)"),
            ("min_child_weight", "\(trees.minChildWeight)"), ("subsample", "\(trees.subsample)"),
            ("lambda", "\(trees.lambda)"),
        ]
    }

    private static func xgboostParameters(_ settings: TrainingSettings) -> [(String, String)] {
        common(settings, settings.xgboost) + [("colsample_bytree", "\(settings.xgboost.columnSample)")]
    }

    /// One round of parallel trees at full learning rate is a random forest (XGBoost's own way); from a base score of
    /// one half, a Newton step makes each tree's log-odds four times the distance of its positive rate from one half,
    /// and the member's calibration stretches that to what the labels say.
    private static func forestParameters(_ settings: TrainingSettings) -> [(String, String)] {
        common(settings, settings.randomForest) + [
            ("colsample_bynode", "\(settings.randomForest.columnSample)"),
            ("num_parallel_tree", "\(settings.randomForest.trees)"),
        ]
    }
}
