import Ensemble
import Events
import Features

/// The whole job: history in, artifact and figures out.
public struct TrainingRun {
    public let settings: TrainingSettings
    public let names: FieldNames

    public init(settings: TrainingSettings, names: FieldNames = FieldNames()) {
        self.settings = settings
        self.names = names
    }

    /// A history walked twice: points, features and labels of both periods.
    public struct Prepared {
        public let survey: HistorySurvey
        public let times: EvaluationProtocol
        public let tables: FrozenTables
        public let points: ScoringPoints
    }

    /// - Parameter countries: the frozen table of an artifact to evaluate; `nil` makes it from the training period.
    /// - Throws: `HistoryError`, `TrainingError`.
    public func prepare(
        history path: String, countries: [String]? = nil,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (String, Double?) -> Void
    ) throws -> Prepared {
        guard path != "-" else {
            throw TrainingError("--history must be a file: it is read twice; write standard input to a file first")
        }
        let survey = try HistorySurvey(HistoryReader(path: path, names: names)) { reader, events in
            progress("reading, \(events) events", reader.share)
        }
        let times = try EvaluationProtocol(
            start: survey.firstTime, end: survey.lastTime, settings: settings.evaluation)
        let tables = FrozenTables(
            countries: countries ?? survey.countries(until: times.split - EvaluationProtocol.horizon))
        let points = try ScoringPoints(
            HistoryReader(path: path, names: names), survey: survey, protocol: times, tables: tables,
            timeToLiveDays: settings.timeToLiveDays, observe: observe
        ) { reader, events in progress("features, \(events) events", reader.share) }
        return Prepared(survey: survey, times: times, tables: tables, points: points)
    }

    /// Trains on prepared points, evaluates on TEST and writes the artifact.
    /// - Returns: the artifact's version, with its evaluation.
    public func run(
        _ prepared: Prepared, models directory: String, progress: (String, Double?) -> Void
    ) throws -> (version: String, evaluation: Evaluation) {
        let result = try Trainer(settings: settings).train(prepared.points, protocol: prepared.times) {
            progress($0, $1)
        }
        progress("evaluating", nil)
        let evaluation = try Evaluation(
            result.ensemble, on: prepared.points, protocol: prepared.times, seed: UInt64(settings.seed))
        let survey = prepared.survey
        let manifest = Manifest(
            version: "", timeToLiveDays: settings.timeToLiveDays, servingModel: settings.servingModel,
            weights: result.weights,
            countries: prepared.tables.countries,
            history: Manifest.History(
                sha256: survey.digest, events: survey.events, anonymousEvents: survey.anonymousEvents,
                customers: survey.customers.count, firstEvent: EventTime.text(survey.firstTime),
                lastEvent: EventTime.text(survey.lastTime)),
            seed: settings.seed, trainedUntil: EventTime.text(prepared.times.split),
            trainingPoints: result.trainingPoints, settings: settings.record,
            madeWith: ["future-cart": Manifest.programVersion, "xgboost": Booster.xgboostVersion],
            goldenRows: goldenRows(prepared.points, result.ensemble),
            files: [:])
        let writer = ArtifactWriter(directory: directory)
        let version = try writer.write(
            ArtifactWriter.Contents(
                logisticRegression: result.logisticRegression, randomForest: result.randomForestFile,
                xgboost: result.xgboostFile, results: try evaluation.json(), manifest: manifest),
            versionPrefix: String(EventTime.text(prepared.times.split).prefix(10)))
        try writer.moveCurrent(to: version)
        return (version, evaluation)
    }

    /// Evenly spaced points with what the ensemble makes of them.
    func goldenRows(_ points: ScoringPoints, _ ensemble: Ensemble) -> [Manifest.GoldenRow] {
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
