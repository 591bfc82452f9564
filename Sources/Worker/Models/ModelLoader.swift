import Ensemble
import SchemaRegistry
import Scoring

/// Loads the model artifact that a worker scores with, and refuses one that does not fit its settings.
package struct ModelLoader {
    private let settings: WorkerSettings

    /// - Parameter settings: say where artifacts are and what they must fit.
    package init(settings: WorkerSettings) { self.settings = settings }

    /// Reads the artifact at `settings.models` or at another path.
    /// - Throws: `ArtifactError` when it cannot be read, has other features, or is to explain its predictions and cannot;
    ///   `WorkerError` when it was trained under another time to live.
    package func artifact(at path: String? = nil) throws -> ModelArtifact {
        let artifact = try ModelArtifact(path: path ?? settings.models)
        let (trained, configured) = (artifact.manifest.timeToLiveDays, settings.timeToLiveDays)
        guard trained == configured else {
            throw WorkerError(
                "model \(artifact.manifest.version) was trained with state.time_to_live: \(trained)d and the "
                    + "configuration says \(configured)d: its features would mean something else; set the same, or "
                    + "train anew")
        }
        // Before anything is read from Kafka.
        if settings.explainedFeatures > 0 { _ = try scorer(artifact) }
        return artifact
    }

    /// A scorer of the model in service and those beside it.
    /// - Throws: as `scorer(_:schemas:)`.
    func scorer(_ model: ServedModel, schemas: OutputSchemas?) throws -> Scorer {
        try scorer(model.artifact, beside: model.companions, schemas: schemas)
    }

    /// A scorer of the artifact whose predictions have what the settings ask for.
    /// - Parameters:
    ///   - companions: models that score beside it.
    ///   - schemas: of what is published in Avro; `nil` for JSON.
    /// - Throws: `ArtifactError` if they are to be explained and the artifact's models cannot be.
    package func scorer(
        _ artifact: ModelArtifact, beside companions: [CompanionModel] = [], schemas: OutputSchemas? = nil
    ) throws -> Scorer {
        do {
            return try Scorer(
                artifact: artifact, thresholds: settings.thresholds, explainedFeatures: settings.explainedFeatures,
                avroSchema: schemas?.prediction, beside: companions,
                writesChallengers: settings.challengersTopic != nil)
        } catch {
            throw ArtifactError(path: error.path, reason: "\(error.reason); set explanations.top: 0 to score by it")
        }
    }
}
