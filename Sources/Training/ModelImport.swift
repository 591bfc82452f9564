import Ensemble
import Events
import Monitoring

extension TrainingRun {
    /// Evaluates an imported model on TEST and writes it as an artifact; `current` stays as it is.
    ///
    /// It is not known what the model was trained on. Its metrics are unbiased only if that was TRAIN.
    /// - Parameter directory: the directory of artifacts.
    /// - Returns: the artifact's version, and its metrics.
    /// - Throws: `DataError` when TEST has too few examples; `ArtifactError` when the artifact cannot be written.
    package func importModel(
        _ model: ImportedModel, _ prepared: Prepared, models directory: String
    ) throws -> (version: String, evaluation: Evaluation) {
        let ensemble = model.ensemble
        let evaluation = Evaluation(
            TestPredictions(ensemble, on: try TestSets(prepared.dataset, prepared.times)), serving: model.name,
            seed: UInt64(settings.seed))
        let manifest = Manifest(
            version: "", schema: settings.schema, timeToLiveDays: settings.timeToLiveDays, servingModel: model.name,
            weights: [:],
            countries: prepared.encoding.countries, history: prepared.survey.record, seed: settings.seed,
            trainedUntil: EventTime.text(prepared.times.split), trainingExamples: 0,
            settings: settings.evaluation.record, madeWith: ["future-cart": Manifest.programVersion],
            goldenRows: Self.goldenRows(prepared.dataset, ensemble), files: [:], models: [model.name],
            origin: model.origin)
        let reference = ReferenceDistributions(
            prepared.dataset, of: settings.schema, isIncluded: prepared.times.isTraining, ensemble: ensemble,
            serving: model.name)
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
