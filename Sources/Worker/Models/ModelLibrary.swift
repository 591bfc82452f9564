import Ensemble
import Logging
import Synchronization

/// The artifacts of earlier versions, which have scored messages that rebuild state. Shared by a worker's threads.
final class ModelLibrary: Sendable {
    private let loader: ModelLoader
    private let directory: String
    private let logger: Logger
    /// What has been asked for; `nil` where there is no such artifact.
    private let found = Mutex<[String: ModelArtifact?]>([:])

    init(_ settings: WorkerSettings, logger: Logger) {
        loader = ModelLoader(settings: settings)
        directory = settings.models
        self.logger = logger
    }

    /// The artifact of a version; `nil`, and said in the log once, where it is gone or cannot be used.
    ///
    /// Read from disk when first asked for, which takes a fraction of a second.
    func artifact(_ version: String) -> ModelArtifact? {
        found.withLock { found in
            if let known = found[version] { return known }
            let artifact = read(version)
            found[version] = .some(artifact)
            return artifact
        }
    }

    private func read(_ version: String) -> ModelArtifact? {
        do {
            return try loader.artifact(at: "\(directory)/\(version)")
        } catch {
            logger.warning(
                "a model that has published predictions is not at hand: they are graded as if the present one had",
                metadata: ["model": "\(version)", "error": "\(error)"])
            return nil
        }
    }
}
