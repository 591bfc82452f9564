import Ensemble
import Events
import Features
import Monitoring

/// The straight part of the job: history in, members and figures out.
package struct TrainingRun: Sendable {
    package let settings: TrainingSettings

    package init(settings: TrainingSettings) { self.settings = settings }

    /// A history walked twice: points, features and labels of both periods.
    package struct Prepared: Sendable {
        package let survey: HistorySurvey
        package let times: EvaluationProtocol
        package let encoding: CategoryEncoding
        package let points: ScoringPoints
    }

    /// A trained ensemble with its predictions of TEST and its figures.
    package struct Fitted: Sendable {
        package let result: Trainer.Result
        package let predictions: TestPredictions
        package let evaluation: Evaluation
    }

    /// The first walk.
    /// - Throws: `DataError`.
    package func survey(_ history: History, progress: (String, Double?) -> Void) throws -> HistorySurvey {
        try unreadableIsBad {
            try HistorySurvey(history) { reader, events in progress("reading, \(events) events", reader.share) }
        }
    }

    /// The second walk.
    /// - Parameters:
    ///   - countries: the frozen table of an artifact to evaluate; `nil` makes it from the training period.
    ///   - observe: sees every scored event's feature row, in order.
    /// - Throws: `DataError`.
    package func prepare(
        _ history: History, survey: HistorySurvey, countries: [String]? = nil,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (String, Double?) -> Void
    ) throws -> Prepared {
        let times = try EvaluationProtocol(
            start: survey.firstTime, end: survey.lastTime, settings: settings.evaluation)
        let encoding = CategoryEncoding(
            countries: countries ?? survey.countries(until: times.split - EvaluationProtocol.horizon))
        let points = try unreadableIsBad {
            try ScoringPoints(
                history, survey: survey, snapshots: times.snapshots, encoding: encoding,
                timeToLiveDays: settings.timeToLiveDays, isUsable: times.isKnown, observe: observe
            ) { reader, events in progress("features, \(events) events", reader.share) }
        }
        return Prepared(survey: survey, times: times, encoding: encoding, points: points)
    }

    /// Both walks.
    package func prepare(
        history path: String, names: FieldNames = FieldNames(), countries: [String]? = nil,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (String, Double?) -> Void
    ) throws -> Prepared {
        let history = History(path: path, names: names)
        return try prepare(
            history, survey: survey(history, progress: progress), countries: countries, observe: observe,
            progress: progress)
    }

    /// Trains on TRAIN and judges by TEST.
    package func fit(_ prepared: Prepared, progress: (String, Double?) -> Void) throws -> Fitted {
        let sets = try TestSets(prepared.points, prepared.times)
        let result = try Trainer(settings: settings).train(prepared.points, protocol: prepared.times) {
            progress($0, $1)
        }
        progress("evaluating", nil)
        let predictions = TestPredictions(result.ensemble, on: sets)
        return Fitted(
            result: result, predictions: predictions,
            evaluation: Evaluation(predictions, serving: settings.servingModel, seed: UInt64(settings.seed)))
    }

    /// Fits the same settings on all points whose labels are known.
    package func refit(_ prepared: Prepared, progress: (String, Double?) -> Void) throws -> Trainer.Result {
        try Trainer(settings: settings).train(prepared.points, protocol: prepared.times.withoutTest) { _, share in
            progress("refit", share)
        }
    }

    /// Writes the artifact, whole or not at all.
    /// - Parameters:
    ///   - refitted: what is to be served in place of what was evaluated.
    ///   - others: further files by name.
    /// - Returns: the artifact's version.
    package func write(
        _ fitted: Fitted, _ prepared: Prepared, refitted: Trainer.Result? = nil, others: [String: [UInt8]] = [:],
        models directory: String
    ) throws -> String {
        let result = refitted ?? fitted.result
        let learnedFrom = refitted == nil ? prepared.times : prepared.times.withoutTest
        let reference = ReferenceDistributions(
            prepared.points, isIn: learnedFrom.isTraining, ensemble: result.ensemble, serving: settings.servingModel)
        let others = others.merging([ReferenceDistributions.fileName: try encoded(reference)]) { $1 }
        let until = refitted == nil ? prepared.times.split : prepared.times.end
        let manifest = Manifest(
            version: "", timeToLiveDays: settings.timeToLiveDays, servingModel: settings.servingModel,
            weights: result.weights, countries: prepared.encoding.countries, history: prepared.survey.record,
            seed: settings.seed, trainedUntil: EventTime.text(until), trainingPoints: result.trainingPoints,
            settings: settings.record.merging(["refit": "\(refitted != nil)"]) { $1 },
            madeWith: ["future-cart": Manifest.programVersion, "xgboost": Booster.xgboostVersion],
            goldenRows: Self.goldenRows(prepared.points, result.ensemble), files: [:])
        var contents = ArtifactWriter.Contents(
            logisticRegression: result.logisticRegression, randomForest: result.randomForestFile,
            xgboost: result.xgboostFile, results: try fitted.evaluation.json(), manifest: manifest, others: others)
        if refitted != nil {
            let twin = fitted.result
            try contents.addTwin(
                logisticRegression: twin.logisticRegression, randomForest: twin.randomForestFile,
                xgboost: twin.xgboostFile,
                twin: Manifest.Twin(
                    weights: twin.weights, trainedUntil: EventTime.text(prepared.times.split),
                    trainingPoints: twin.trainingPoints))
        }
        return try ArtifactWriter(directory: directory).write(
            contents, versionPrefix: String(EventTime.text(until).prefix(10)))
    }

    /// Evenly spaced points with what the ensemble makes of them.
    static func goldenRows(_ points: ScoringPoints, _ ensemble: Ensemble) -> [Manifest.GoldenRow] {
        let count = min(32, points.points.count)
        let indices = (0..<count).map { $0 * points.points.count / count }
        let rows = points.rows(indices)
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

/// History that cannot be read is bad data to whoever trains on it.
private func unreadableIsBad<Value>(_ work: () throws -> Value) throws -> Value {
    do { return try work() } catch let error as HistoryError { throw DataError(error.description) }
}
