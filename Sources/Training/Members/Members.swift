import Ensemble
import Features

/// The three members, fitted on one training set.
struct Members: Sendable {
    let logisticRegression: LogisticModel
    let trees: Trees

    /// The tree members: XGBoost model files and what they hold.
    struct Trees: Sendable {
        let randomForestFile: [UInt8]
        let xgboostFile: [UInt8]
        let randomForest: TreeModel
        let xgboost: TreeModel
    }

    /// Fits the members of several training sets, as many pieces of that at once as there are threads; each piece takes
    /// one. What comes out does not depend on how many there are.
    /// - Parameter progress: told what is done, as a share of the whole; from several threads, one at a time.
    static func fit(
        _ points: ScoringPoints, _ sets: [TrainingSet], _ settings: TrainingSettings, progress: (Double) -> Void
    ) throws -> [Members] {
        enum Piece: Sendable {
            case logistic(LogisticModel)
            case trees(Trees)
        }
        for set in sets {
            let labels = set.labels(points)
            guard labels.contains(true), labels.contains(false) else {
                throw DataError(
                    "\(labels.count) training points and all have the same label: there is nothing to tell apart; "
                        + "give a longer history")
            }
        }
        let pieces = try inParallel(2 * sets.count, threads: settings.threads, progress: progress) { number in
            let set = sets[number / 2]
            return number % 2 == 0
                ? Piece.trees(try fitTrees(points, set, settings)) : .logistic(fitLogistic(points, set, settings))
        }
        return sets.indices.map { index in
            guard case .trees(let trees) = pieces[2 * index], case .logistic(let logistic) = pieces[2 * index + 1]
            else {
                preconditionFailure("pieces come back in order")
            }
            return Members(logisticRegression: logistic, trees: trees)
        }
    }

    private static func fitLogistic(
        _ points: ScoringPoints, _ set: TrainingSet, _ settings: TrainingSettings
    ) -> LogisticModel {
        LogisticTrainer.fit(
            points.rows(set.indices), labels: set.labels(points), weights: set.weights,
            ridge: settings.logisticRegression.ridge, withheld: settings.withheldFeatures)
    }

    private static func fitTrees(
        _ points: ScoringPoints, _ set: TrainingSet, _ settings: TrainingSettings
    ) throws -> Trees {
        let matrix = try QuantileMatrix(
            labels: set.labels(points), weights: set.weights, bins: bins, threads: 1
        ) { place, row in
            points.copyFeatures(set.indices[place], into: row)
            // A column without a value offers no split.
            for feature in settings.withheldFeatures { row[feature.rawValue] = .nan }
        }
        let forest = try Booster(data: matrix, parameters: forestParameters(settings))
        try forest.update(round: 0)
        let forestFile = try forest.modelFile()
        let booster = try Booster(data: matrix, parameters: xgboostParameters(settings))
        for round in 0..<settings.xgboost.rounds { try booster.update(round: round) }
        let xgboostFile = try booster.modelFile()
        return Trees(
            randomForestFile: forestFile, xgboostFile: xgboostFile,
            randomForest: try XGBoostModelFile.parse(forestFile, path: "random_forest.ubj"),
            xgboost: try XGBoostModelFile.parse(xgboostFile, path: "xgboost.ubj"))
    }

    /// Bins of each feature's values.
    private static let bins = 128

    /// The members' predictions of a set's points.
    func predictions(_ points: ScoringPoints, _ set: TrainingSet, weights: [Float]) -> Combiners.Predictions {
        Combiners.Predictions(
            margins: margins(points, set.indices), labels: set.labels(points), weights: weights.map(Double.init))
    }

    /// The members' raw log-odds for some points, one array a member.
    private func margins(_ points: ScoringPoints, _ indices: [Int]) -> [[Double]] {
        let rows = points.rows(indices)
        let logistic = (0..<rows.rowCount).map { row in
            rows[row].withUnsafeBufferPointer { logisticRegression.margin($0.baseAddress!) }
        }
        let trees = CompiledForest([trees.randomForest, trees.xgboost]).margins(rows)
        return [logistic] + trees.map { $0.map(Double.init) }
    }

    private static func common(_ settings: TrainingSettings, _ trees: TrainingSettings.Trees) -> [(String, String)] {
        [
            ("objective", "binary:logistic"), ("base_score", "0.5"), ("tree_method", "hist"), ("max_bin", "\(bins)"),
            ("seed", "\(settings.seed)"), ("nthread", "1"), ("verbosity", "0"),
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
            ("num_parallel_tree", "\(settings.randomForest.parallelTrees)"),
        ]
    }
}
