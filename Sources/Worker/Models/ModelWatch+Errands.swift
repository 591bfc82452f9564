import Ensemble
import Foundation

/// What is asked of the watch beside looking for another model.
extension ModelWatch {
    /// A question or an order, with where its answer goes. All are answered in turn, on the watch's thread.
    enum Errand: Sendable {
        /// What a version would change.
        case compare(version: String, reply: @Sendable (Result<ModelComparison, QueryError>) -> Void)
        /// Puts a version in service, if its changes are within the limits or somebody has consented to them.
        case promote(version: String, hasConsent: Bool, reply: @Sendable (Outcome) -> Void)
        /// Puts the version in service that was before.
        case rollBack(reply: @Sendable (Outcome) -> Void)
    }

    func carryOut(_ errand: Errand, isStopped: () -> Bool) {
        switch errand {
        case .compare(let version, let reply):
            reply(Result { () throws(QueryError) in try compare(version, isStopped) })
        case .promote(let version, let hasConsent, let reply):
            order(reply) { store in
                let comparison = try compare(version, isStopped)
                if !hasConsent, let refusal = comparison.refusal { throw WorkerError(refusal) }
                try store.promote(version, reason: "over HTTP" + (hasConsent ? ArtifactStore.consent : ""))
            }
        case .rollBack(let reply): order(reply) { store in _ = try store.rollBack() }
        }
    }

    /// Has `current` moved, and then looks for what it points to.
    private func order(_ reply: @escaping @Sendable (Outcome) -> Void, _ move: (ArtifactStore) throws -> Void) {
        let store = ArtifactStore(directory: settings.models)
        do {
            try store.exclusively { try move(store) }
            request(reply)
        } catch {
            var reason = "\(error)"
            if case QueryError.noModel(let cause) = error { reason = cause }
            logger.error("a model is not put in service, as was asked over HTTP", metadata: ["reason": "\(reason)"])
            reply(.refused(version: slot.current.artifact.manifest.version, reason: reason))
        }
    }

    private func compare(_ version: String, _ isStopped: () -> Bool) throws(QueryError) -> ModelComparison {
        do {
            guard ModelArtifact.isVersion(version) else { throw WorkerError("\(version) is no version of a model") }
            let other = try ModelLoader(settings: settings).artifact(at: "\(settings.models)/\(version)")
            let comparison = try comparer.compare(slot.target.artifact, with: other, isStopped: isStopped)
            keep(comparison)
            return comparison
        } catch {
            throw .noModel("\(error)")
        }
    }
}
