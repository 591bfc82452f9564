import Ensemble
import Logging
import Synchronization

/// The artifacts of earlier versions, which have scored messages that rebuild state. Shared by a worker's threads.
final class ModelLibrary: Sendable {
    /// Most artifacts that are kept: those of a few mixes of models.
    private static let limit = 12

    private let directory: String
    private let logger: Logger
    private let found = Mutex<[String: ModelArtifact]>([:])

    init(_ settings: WorkerSettings, logger: Logger) {
        directory = settings.models
        self.logger = logger
    }

    /// The artifact of a version; `nil`, and said in the log, where it is gone or cannot be used.
    ///
    /// Read from disk when first asked for, which takes a fraction of a second.
    func artifact(_ version: String) -> ModelArtifact? {
        found.withLock { found in
            if let known = found[version] { return known }
            guard let artifact = read(version) else { return nil }
            if found.count >= Self.limit, let one = found.keys.min() { found[one] = nil }
            found[version] = artifact
            return artifact
        }
    }

    private func read(_ version: String) -> ModelArtifact? {
        do {
            guard ModelArtifact.isVersion(version) else { throw WorkerError("that is no version of a model") }
            let artifact = try ModelArtifact(path: "\(directory)/\(version)")
            guard artifact.manifest.version == version else {
                throw WorkerError("the artifact there is of version \(artifact.manifest.version)")
            }
            return artifact
        } catch {
            logger.warning(
                "a model that has published predictions is not at hand: what it has predicted is graded as if another one had, or not at all",
                metadata: ["model": "\(version)", "error": "\(error)"])
            return nil
        }
    }
}
