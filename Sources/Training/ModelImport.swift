import Ensemble
import Events

extension TrainingRun {
    /// Evaluates an imported model on TEST and writes it as an artifact; `current` stays where it is.
    ///
    /// What the model learned from is not known: its figures are honest if that was TRAIN.
    /// - Returns: the artifact's version, with its evaluation.
    public func importModel(
        _ model: ImportedModel, _ prepared: Prepared, models directory: String
    ) throws -> (version: String, evaluation: Evaluation) {
        let ensemble = model.ensemble
        let evaluation = try Evaluation(
            ensemble, on: prepared.points, protocol: prepared.times, seed: UInt64(settings.seed))
        let survey = prepared.survey
        let manifest = Manifest(
            version: "", timeToLiveDays: settings.timeToLiveDays, servingModel: model.name, weights: [:],
            countries: prepared.tables.countries,
            history: Manifest.History(
                sha256: survey.digest, events: survey.events, anonymousEvents: survey.anonymousEvents,
                customers: survey.customers.count, firstEvent: EventTime.text(survey.firstTime),
                lastEvent: EventTime.text(survey.lastTime)),
            seed: settings.seed, trainedUntil: EventTime.text(prepared.times.split), trainingPoints: 0,
            settings: settings.evaluation.record, madeWith: ["future-cart": Manifest.programVersion],
            goldenRows: goldenRows(prepared.points, ensemble), files: [:], models: [model.name], origin: model.origin)
        let version = try ArtifactWriter(directory: directory).write(
            ArtifactWriter.Contents(imported: model, results: try evaluation.json(), manifest: manifest),
            versionPrefix: String(EventTime.text(prepared.times.split).prefix(10)))
        return (version, evaluation)
    }
}
