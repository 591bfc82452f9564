import Ensemble
import Events
import Monitoring

extension TrainingRun {
    /// Evaluates an imported model on TEST and writes it as an artifact; `current` stays where it is.
    ///
    /// What the model learned from is not known: its figures are honest if that was TRAIN.
    /// - Returns: the artifact's version, with its evaluation.
    package func importModel(
        _ model: ImportedModel, _ prepared: Prepared, models directory: String
    ) throws -> (version: String, evaluation: Evaluation) {
        let ensemble = model.ensemble
        let evaluation = Evaluation(
            TestPredictions(ensemble, on: try TestSets(prepared.points, prepared.times)), serving: model.name,
            seed: UInt64(settings.seed))
        let manifest = Manifest(
            version: "", timeToLiveDays: settings.timeToLiveDays, servingModel: model.name, weights: [:],
            countries: prepared.encoding.countries, history: prepared.survey.record, seed: settings.seed,
            trainedUntil: EventTime.text(prepared.times.split), trainingPoints: 0,
            settings: settings.evaluation.record, madeWith: ["future-cart": Manifest.programVersion],
            goldenRows: Self.goldenRows(prepared.points, ensemble), files: [:], models: [model.name],
            origin: model.origin)
        let reference = ReferenceDistributions(
            prepared.points, isIn: prepared.times.isTraining, ensemble: ensemble, serving: model.name)
        let version = try ArtifactWriter(directory: directory).write(
            ArtifactWriter.Contents(
                imported: model, results: try evaluation.json(), manifest: manifest,
                others: [
                    RetrainJob.profileName: try encoded(prepared.survey.profile),
                    ReferenceDistributions.fileName: try encoded(reference),
                ]),
            versionPrefix: String(EventTime.text(prepared.times.split).prefix(10)))
        return (version, evaluation)
    }
}
