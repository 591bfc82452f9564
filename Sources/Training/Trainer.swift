import Ensemble
import Events
import Features

/// Trains an ensemble on a dataset.
///
/// The base models are fitted on all of TRAIN. They are also fitted once per time fold, on what was known when the fold
/// begins, and predict that fold: calibration and stacking are fitted on these out-of-fold predictions.
package struct Trainer: Sendable {
    /// A trained ensemble and the files that hold its base models.
    package struct Result: Sendable {
        /// The ensemble, ready to score.
        package let ensemble: Ensemble
        /// How the base models' log-odds become each model's.
        package let weights: Ensemble.Weights
        /// The logistic regression.
        package let logisticRegression: LogisticModel
        /// The random forest, an XGBoost model file (UBJSON).
        package let randomForestFile: [UInt8]
        /// The boosted trees, an XGBoost model file (UBJSON).
        package let xgboostFile: [UInt8]
        /// Number of examples that the base models were fitted on.
        package let trainingExamples: Int
    }

    /// What is trained.
    package let settings: TrainingSettings

    /// - Parameter settings: the hyperparameters; a result depends on these and the dataset alone.
    package init(settings: TrainingSettings) { self.settings = settings }

    /// - Parameters:
    ///   - times: which examples belong to TRAIN.
    ///   - progress: called with the step and the share of it that is done, 0...1.
    /// - Throws: `DataError` when a fold has nothing to fit on; `TrainingError` from libxgboost.
    package func train(
        _ dataset: Dataset, protocol times: EvaluationProtocol, progress: (String, Double) -> Void
    ) throws -> Result {
        let all = TrainingSet(dataset, settings.shares, isIncluded: times.isTraining)
        guard !all.indices.isEmpty else {
            throw DataError("no training points before \(EventTime.text(times.split))")
        }
        let folds = try folds(dataset, times)
        // The largest set first. Each model is fitted by one thread, so that the work is spread over models.
        let fitted = try BaseModels.fit(dataset, [all] + folds.map(\.training), settings) { progress("members", $0) }
        let weights = MetaModelTrainer.fit(
            outOfFold: zip(folds, fitted.dropFirst()).map { fold, models in
                models.predictions(dataset, fold.validation, weights: fold.validation.weights)
            },
            inSample: fitted[0].predictions(
                dataset, all, weights: all.weights(dataset, halfLifeDays: settings.baseRateHalfLifeDays)))
        return result(fitted[0], weights, trainingExamples: all.indices.count)
    }

    /// A block of time with the examples in it and those whose labels were known before it.
    struct Fold {
        let training: TrainingSet
        let validation: TrainingSet
    }

    /// The time folds, oldest first.
    func folds(_ dataset: Dataset, _ times: EvaluationProtocol) throws(DataError) -> [Fold] {
        var folds: [Fold] = []
        for (number, block) in blocks(times).enumerated() {
            // Weighted among themselves: how many events a customer will have is not known when the block begins.
            let validation = TrainingSet(dataset, settings.shares) {
                times.isTraining($0) && block.contains($0.time)
            }
            guard !validation.indices.isEmpty else { continue }
            let training = TrainingSet(dataset, settings.shares) {
                times.isTraining($0) && $0.time + times.horizon <= block.lowerBound
            }
            guard !training.indices.isEmpty else {
                throw DataError(
                    "no points with known labels before \(EventTime.text(block.lowerBound)), where fold \(number + 1) begins: "
                        + "give a longer history, a shorter horizon_days or fewer folds")
            }
            folds.append(Fold(training: training, validation: validation))
        }
        guard !folds.isEmpty else {
            throw DataError("no points to fit the combiners on: give a longer history")
        }
        return folds
    }

    /// The last 60 % of the training period, cut into blocks of equal length, oldest first; milliseconds. Where the horizon is
    /// long, they begin as soon as a month of labels is known.
    private func blocks(_ times: EvaluationProtocol) -> [Range<Int64>] {
        let end = times.split - times.horizon + 1
        let known = times.start + times.horizon + 30 * EvaluationProtocol.day
        let span = known < end ? min((end - times.start) * 6 / 10, end - known) : (end - times.start) * 6 / 10
        let length = span / Int64(settings.folds)
        return (0..<settings.folds).map { number in
            let start = end - Int64(settings.folds - number) * length
            return start..<(start + length)
        }
    }

    private func result(_ models: BaseModels, _ weights: Ensemble.Weights, trainingExamples: Int) -> Result {
        Result(
            ensemble: Ensemble(
                logisticRegression: models.logisticRegression, randomForest: models.trees.randomForest,
                xgboost: models.trees.xgboost, weights: weights),
            weights: weights, logisticRegression: models.logisticRegression,
            randomForestFile: models.trees.randomForestFile, xgboostFile: models.trees.xgboostFile,
            trainingExamples: trainingExamples)
    }
}
