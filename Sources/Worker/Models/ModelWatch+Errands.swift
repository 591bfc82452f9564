import Ensemble
import Foundation
import Monitoring

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

    /// How long another process may hold the lock of the models' directory.
    private static let lockPatience = Duration.seconds(10)

    func carryOut(_ errand: Errand, isStopped: () -> Bool) {
        switch errand {
        case .compare(let version, let reply):
            reply(Result { () throws(QueryError) in try compare(version, isStopped) })
        case .promote(let version, let hasConsent, let reply):
            order(
                reply,
                after: {
                    let comparison = try compare(version, isStopped)
                    if !hasConsent, let refusal = comparison.refusal { throw WorkerError(refusal) }
                },
                move: { store in
                    try store.promote(version, reason: "over HTTP" + (hasConsent ? ArtifactStore.consent : ""))
                })
        case .rollBack(let reply): order(reply, move: { store in _ = try store.rollBack() })
        }
    }

    /// Has `current` moved, and then looks for what it points to.
    private func order(
        _ reply: @escaping @Sendable (Outcome) -> Void, after check: () throws -> Void = {},
        move: (ArtifactStore) throws -> Void
    ) {
        let store = ArtifactStore(directory: settings.models)
        let before = store.current
        do {
            try check()
            try store.exclusively(within: Self.lockPatience) { try move(store) }
            request(reply)
        } catch {
            // What was moved is to be served, whatever else went wrong.
            if store.current != before { request() }
            var reason = "\(error)"
            if case QueryError.noModel(let cause) = error { reason = cause }
            logger.error("a model is not put in service, as was asked over HTTP", metadata: ["reason": "\(reason)"])
            reply(.refused(version: slot.current.artifact.manifest.version, reason: reason))
        }
    }

    /// Promotes or rolls back by rule, where that is configured and something is to be done.
    /// - Parameter grades: what labels say at present.
    func decide(_ grades: (comparisons: [PairedComparison], scoreDrift: Double?), isStopped: () -> Bool) {
        let store = ArtifactStore(directory: settings.models)
        let champion = slot.current.artifact.manifest.version
        let rule = PromotionRule(champion: champion, maxScoreDrift: settings.maxScoreDrift)
        func decision() throws -> PromotionRule.Decision? {
            // Another worker may have been first.
            guard store.current == champion else { return nil }
            return rule.decide(
                grades.comparisons, scoreDrift: grades.scoreDrift, store.promotions, rolledBack: store.rolledBack,
                try store.roles())
        }
        do {
            guard let wanted = try decision() else { return forget(.rule) }
            if case .promote(let version, _) = wanted, let refusal = try compare(version, isStopped).refusal {
                throw WorkerError(refusal)
            }
            try store.exclusively(within: Self.lockPatience) {
                switch try decision() {
                case .promote(let version, let reason):
                    logger.notice(
                        "a model is promoted by rule", metadata: ["model": "\(version)", "reason": "\(reason)"])
                    try store.promote(version, reason: reason)
                    var roles = try store.roles()
                    guard roles.challengers.count < ModelRoles.challengerLimit else { return }
                    roles.challengers.append(champion)
                    try store.assign(roles)
                case .rollBack(let reason):
                    let version = try store.rollBack()
                    logger.warning(
                        "a promotion by rule is rolled back", metadata: ["model": "\(version)", "reason": "\(reason)"])
                case nil: return
                }
            }
            request()
        } catch {
            note("by rule: \(error)", of: .rule)
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
