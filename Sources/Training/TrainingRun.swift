import Ensemble
import Events
import Features
import Monitoring

/// The steps of a training run: survey the history, build the dataset, train, evaluate, write the artifact.
///
/// `progress` of every step is called with what is being done and the share of it that is done, 0...1, where it is known.
package struct TrainingRun: Sendable {
    /// What is trained.
    package let settings: TrainingSettings

    /// - Parameter settings: the result depends on these and the history alone.
    package init(settings: TrainingSettings) { self.settings = settings }

    /// What both passes over a history give.
    package struct Prepared: Sendable {
        /// The result of the first pass.
        package let survey: HistorySurvey
        /// The split into TRAIN and TEST.
        package let times: EvaluationProtocol
        /// The encoding of countries that the features were computed with.
        package let encoding: CategoryEncoding
        /// The labeled examples of both periods.
        package let dataset: Dataset
    }

    /// An ensemble that was trained on TRAIN and evaluated on TEST.
    package struct Fitted: Sendable {
        /// The ensemble and its files.
        package let result: Trainer.Result
        /// Its predictions for the TEST examples.
        package let predictions: TestPredictions
        /// Its metrics on TEST.
        package let evaluation: Evaluation
    }

    /// The first pass over the history.
    /// - Throws: `DataError` when it cannot be read or trained on.
    package func survey(_ history: History, progress: (String, Double?) -> Void) throws -> HistorySurvey {
        try rethrowingAsDataError {
            try HistorySurvey(history, horizon: settings.horizon) { reader, events in
                progress("reading, \(events) events", reader.share)
            }
        }
    }

    /// The same run with periods that fit the history, where the standard ones do not.
    package func fitted(to survey: HistorySurvey) -> TrainingRun {
        var settings = settings
        settings.evaluation = settings.evaluation.fitted(to: survey.days, horizon: settings.horizon)
        return TrainingRun(settings: settings)
    }

    /// The second pass over the history.
    /// - Parameters:
    ///   - countries: the category encoding of an artifact to evaluate; `nil` fits it on the training period.
    ///   - observe: sees every event's feature row, in order of the events.
    /// - Throws: `DataError` when it cannot be read, is too short, or has changed since the first pass.
    package func prepare(
        _ history: History, survey: HistorySurvey, countries: [String]? = nil,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (String, Double?) -> Void
    ) throws -> Prepared {
        let times = try EvaluationProtocol(
            start: survey.firstTime, end: survey.lastTime, horizon: settings.horizon, settings: settings.evaluation)
        let encoding = CategoryEncoding(
            countries: countries ?? survey.countries(until: times.split - times.horizon))
        let dataset = try rethrowingAsDataError {
            try DatasetBuilder(
                survey: survey, observationDates: times.observationDates, encoding: encoding,
                horizon: settings.horizon,
                timeToLiveDays: settings.timeToLiveDays, isWanted: times.isLabelKnown, observe: observe
            ).build(history) { reader, events in progress("features, \(events) events", reader.share) }
        }
        return Prepared(survey: survey, times: times, encoding: encoding, dataset: dataset)
    }

    /// Both passes over a history in one file.
    /// - Throws: `DataError`.
    package func prepare(
        history path: String, format: EventFormat = EventFormat(), countries: [String]? = nil,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (String, Double?) -> Void
    ) throws -> Prepared {
        let history = History(path: path, format: format)
        let survey = try survey(history, progress: progress)
        return try fitted(to: survey).prepare(
            history, survey: survey, countries: countries, observe: observe,
            progress: progress)
    }

    /// Trains on TRAIN and evaluates on TEST.
    /// - Throws: `DataError` when either period has too few examples; `TrainingError`.
    package func fit(_ prepared: Prepared, progress: (String, Double?) -> Void) throws -> Fitted {
        let sets = try TestSets(prepared.dataset, prepared.times)
        let result = try Trainer(settings: settings).train(prepared.dataset, protocol: prepared.times) {
            progress($0, $1)
        }
        progress("evaluating", nil)
        let predictions = TestPredictions(result.ensemble, on: sets)
        return Fitted(
            result: result, predictions: predictions,
            evaluation: Evaluation(predictions, serving: settings.servingModel, seed: UInt64(settings.seed)))
    }

    /// Trains the same settings on all examples whose labels are known, TEST's too.
    /// - Throws: `DataError`, `TrainingError`.
    package func refit(_ prepared: Prepared, progress: (String, Double?) -> Void) throws -> Trainer.Result {
        try Trainer(settings: settings).train(prepared.dataset, protocol: prepared.times.withoutTest) { _, share in
            progress("refit", share)
        }
    }

    /// Writes the artifact, whole or not at all.
    /// - Parameters:
    ///   - refitted: served in place of the evaluated ensemble, which is then written beside it as the holdout model.
    ///   - others: further files by name.
    ///   - directory: the directory of artifacts.
    /// - Returns: the artifact's version.
    /// - Throws: `ArtifactError`.
    package func write(
        _ fitted: Fitted, _ prepared: Prepared, refitted: Trainer.Result? = nil, others: [String: [UInt8]] = [:],
        models directory: String
    ) throws -> String {
        let result = refitted ?? fitted.result
        let trainedOn = refitted == nil ? prepared.times : prepared.times.withoutTest
        let reference = ReferenceDistributions(
            prepared.dataset, of: settings.schema, isIncluded: trainedOn.isTraining, ensemble: result.ensemble,
            serving: settings.servingModel)
        let others = others.merging([ReferenceDistributions.fileName: try encoded(reference)]) { $1 }
        let until = refitted == nil ? prepared.times.split : prepared.times.end
        let manifest = Manifest(
            version: "", schema: settings.schema, timeToLiveDays: settings.timeToLiveDays,
            servingModel: settings.servingModel,
            weights: result.weights, countries: prepared.encoding.countries, history: prepared.survey.record,
            seed: settings.seed, trainedUntil: EventTime.text(until), trainingExamples: result.trainingExamples,
            settings: settings.record.merging(["refit": "\(refitted != nil)"]) { $1 },
            madeWith: ["future-cart": Manifest.programVersion, "xgboost": Booster.xgboostVersion],
            goldenRows: Self.goldenRows(prepared.dataset, result.ensemble), files: [:])
        var contents = ArtifactWriter.Contents(
            logisticRegression: result.logisticRegression, randomForest: result.randomForestFile,
            xgboost: result.xgboostFile, results: try fitted.evaluation.json(), manifest: manifest, others: others)
        if refitted != nil {
            let holdout = fitted.result
            try contents.addHoldoutModel(
                logisticRegression: holdout.logisticRegression, randomForest: holdout.randomForestFile,
                xgboost: holdout.xgboostFile,
                holdout: Manifest.HoldoutModel(
                    weights: holdout.weights, trainedUntil: EventTime.text(prepared.times.split),
                    trainingExamples: holdout.trainingExamples))
        }
        return try ArtifactWriter(directory: directory).write(
            contents, versionPrefix: String(EventTime.text(until).prefix(10)))
    }

    /// Up to 32 evenly spaced examples with the ensemble's scores, by which a loaded artifact is verified.
    static func goldenRows(_ dataset: Dataset, _ ensemble: Ensemble) -> [Manifest.GoldenRow] {
        let count = min(32, dataset.count)
        let indices = (0..<count).map { $0 * dataset.count / count }
        let rows = dataset.rows(indices)
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(rows, into: &scores, workspace: &workspace)
        return (0..<count).map { row in
            Manifest.GoldenRow(
                features: rows[row].map { $0.isNaN ? nil : Double($0) },
                scores: Dictionary(uniqueKeysWithValues: ensemble.models.map { ($0.rawValue, scores[row][$0]) }))
        }
    }
}

/// Rethrows a `HistoryError` as a `DataError`.
private func rethrowingAsDataError<Value>(_ work: () throws -> Value) throws -> Value {
    do { return try work() } catch let error as HistoryError { throw DataError(error.description) }
}
