import Ensemble
import Features

/// The three base models of an ensemble, fitted on one training set.
struct BaseModels: Sendable {
    let logisticRegression: LogisticModel
    let trees: Trees

    /// The two tree models: their XGBoost model files (UBJSON), and the files parsed.
    struct Trees: Sendable {
        let randomForestFile: [UInt8]
        let xgboostFile: [UInt8]
        let randomForest: TreeModel
        let xgboost: TreeModel
    }

    /// Fits the base models of several training sets. Models are fitted in parallel, each by one thread; the result does not
    /// depend on the number of threads.
    /// - Parameter progress: called with the share of the models that is fitted, 0...1.
    /// - Returns: one for each set, in the sets' order.
    /// - Throws: `DataError` when a set has one label only; `TrainingError` from libxgboost.
    static func fit(
        _ dataset: Dataset, _ sets: [TrainingSet], _ settings: TrainingSettings, progress: (Double) -> Void
    ) throws -> [BaseModels] {
        enum Fitted: Sendable {
            case logistic(LogisticModel)
            case trees(Trees)
        }
        for set in sets {
            let labels = set.labels(dataset)
            guard labels.contains(true), labels.contains(false) else {
                throw DataError(
                    "\(labels.count) training points and all have the same label: there is nothing to tell apart; "
                        + "give a longer history")
            }
        }
        let fitted = try inParallel(2 * sets.count, threads: settings.threads, progress: progress) { number in
            let set = sets[number / 2]
            return number % 2 == 0
                ? Fitted.trees(try fitTrees(dataset, set, settings)) : .logistic(fitLogistic(dataset, set, settings))
        }
        return sets.indices.map { index in
            guard case .trees(let trees) = fitted[2 * index], case .logistic(let logistic) = fitted[2 * index + 1]
            else {
                preconditionFailure("results come back in order")
            }
            return BaseModels(logisticRegression: logistic, trees: trees)
        }
    }

    private static func fitLogistic(
        _ dataset: Dataset, _ set: TrainingSet, _ settings: TrainingSettings
    ) -> LogisticModel {
        LogisticTrainer.fit(
            dataset.rows(set.indices), of: settings.schema, labels: set.labels(dataset), weights: set.weights,
            ridge: settings.logisticRegression.ridge, withheld: settings.withheldFeatures)
    }

    private static func fitTrees(
        _ dataset: Dataset, _ set: TrainingSet, _ settings: TrainingSettings
    ) throws -> Trees {
        let matrix = try QuantileMatrix(
            of: settings.schema, labels: set.labels(dataset), weights: set.weights, bins: bins, threads: 1
        ) { place, row in
            dataset.copyFeatures(set.indices[place], into: row)
            // A column without any value offers no split.
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
            randomForest: try XGBoostModelFile.parse(forestFile, schema: settings.schema, path: "random_forest.ubj"),
            xgboost: try XGBoostModelFile.parse(xgboostFile, schema: settings.schema, path: "xgboost.ubj"))
    }

    /// Bins of each feature's histogram.
    private static let bins = 128

    /// The base models' predictions for a set's examples.
    /// - Parameter weights: one an example, in place of the set's own.
    func predictions(_ dataset: Dataset, _ set: TrainingSet, weights: [Float]) -> BaseModelPredictions {
        BaseModelPredictions(
            logOdds: logOdds(dataset, set.indices), labels: set.labels(dataset), weights: weights.map(Double.init))
    }

    /// The base models' raw log-odds for some examples, one array a model.
    private func logOdds(_ dataset: Dataset, _ indices: [Int]) -> [[Double]] {
        let rows = dataset.rows(indices)
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
    /// and the forest's calibration slope scales that to what the labels say.
    private static func forestParameters(_ settings: TrainingSettings) -> [(String, String)] {
        common(settings, settings.randomForest) + [
            ("colsample_bynode", "\(settings.randomForest.columnSample)"),
            ("num_parallel_tree", "\(settings.randomForest.parallelTrees)"),
        ]
    }
}
