import Ensemble
import Foundation
import Pipeline
import SchemaRegistry
import Scoring
import Synchronization

/// Finding out which models are to score, and whether they may.
extension ModelWatch {
    /// What the watch's thread remembers from look to look.
    struct Memory {
        /// What the threads are changing to.
        var change: Change?
        fileprivate var refusal: Refusal?
        fileprivate var roles: RolesSeen?
    }

    /// Models that the threads are changing to.
    struct Change {
        let model: ServedModel
        let answers: Answers
        /// Why another one is not served that was to be.
        let fault: String?
    }

    /// Counts threads that have answered.
    final class Answers: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int { number.load(ordering: .acquiring) }
        func add() { number.add(1, ordering: .releasing) }
    }

    /// When what was refused is tried again by itself: at first soon, then more and more seldom.
    fileprivate struct Retry {
        let next: ContinuousClock.Instant
        private let pause: Duration

        /// - Parameter before: of the same fault.
        init(after before: Retry?) {
            pause = before.map { min($0.pause * 2, .seconds(300)) } ?? .seconds(10)
            next = .now + pause
        }

        var isDue: Bool { ContinuousClock.now >= next }
    }

    /// A model that was to be served and may not.
    fileprivate struct Refusal {
        let digest: String
        /// Whether its changes had been consented to.
        let isUnconditional: Bool
        let retry: Retry
    }

    /// The roles that were found last.
    fileprivate struct RolesSeen {
        /// `nil` where they cannot be understood.
        let wanted: ModelRoles?
        /// Digest of the model that they stand beside.
        let champion: String
        /// Digests of their artifacts, where there are some.
        let digests: [String?]
        /// What is wrong with them, and when they are tried again.
        let fault: (reason: String, retry: Retry)?
    }

    /// Finds the models that score beside the one that the worker begins with, before its threads begin.
    func prepare() {
        let target = slot.target
        let (companions, seen) = findCompanions(beside: target.artifact, target, isAsked: true, nil) { false }
        if let fault = seen.fault { note(fault.reason, of: .roles) }
        guard !companions.isEmpty else { return }
        slot.order(target.beside(companions))
        slot.settle()
    }

    /// Begins to change where other models are to score than the threads have, or are changing to.
    func look(isAsked: Bool, _ schemas: OutputSchemas?, _ memory: inout Memory, _ isStopped: () -> Bool) {
        let target = slot.target
        let present = target.artifact
        let found = findChampion(present, isAsked: isAsked, memory.refusal, isStopped)
        var (champion, reason): (ModelArtifact, String?) = (present, nil)
        switch found {
        case .same:
            memory.refusal = nil
            forget(.champion)
        case .next(let artifact): champion = artifact
        case .held: break
        case .moved:
            // It is asked again at once, for whoever waits.
            return request()
        case .refused(let why, let refusal):
            (memory.refusal, reason) = (refusal, why)
            note(why, of: .champion, isAsked: isAsked)
        }
        if isStopped() { return }
        let (companions, roles) = findCompanions(
            beside: champion, target, isAsked: isAsked, memory.roles, isStopped)
        if isStopped() { return }
        if let fault = roles.fault { note(fault.reason, of: .roles, isAsked: isAsked) } else { forget(.roles) }
        let fault = reason ?? roles.fault?.reason
        do {
            let isSame = champion.digest == present.digest
            let next = isSame ? target.beside(companions) : try ServedModel(champion, beside: companions)
            if !next.isSame(as: target) {
                memory.change = Change(model: next, answers: try begin(next, schemas), fault: reason)
                if case .next = found {
                    memory.refusal = nil
                    forget(.champion)
                }
            } else if memory.change == nil {
                let version = present.manifest.version
                answer(fault.map { .refused(version: version, reason: $0) } ?? .unchanged(version: version))
            }
            memory.roles = roles
        } catch {
            memory.refusal = Refusal(
                digest: champion.digest, isUnconditional: false, retry: Retry(after: memory.refusal?.retry))
            note("\(error)", of: .champion, isAsked: isAsked)
            answer(.refused(version: present.manifest.version, reason: "\(error)"))
        }
    }

    /// What `current` points to.
    private enum Champion {
        /// What is served, or threads are changing to.
        case same
        /// Another one, which may be served.
        case next(ModelArtifact)
        /// One that has been refused, and is not tried again yet.
        case held
        /// It points elsewhere by now.
        case moved
        /// One that may not be served, and why.
        case refused(String, Refusal?)
    }

    private func findChampion(
        _ present: ModelArtifact, isAsked: Bool, _ refusal: Refusal?, _ isStopped: () -> Bool
    ) -> Champion {
        var found: (digest: String, isUnconditional: Bool)?
        do {
            let digest = try ModelArtifact.digest(path: settings.models)
            if digest == present.digest { return .same }
            let store = ArtifactStore(directory: settings.models)
            let isUnconditional = store.current.map { store.isUnconditional($0) } ?? false
            found = (digest, isUnconditional)
            if !isAsked, let refusal, refusal.digest == digest, refusal.isUnconditional == isUnconditional,
                !refusal.retry.isDue
            {
                return .held
            }
            let next = try prove(settings.models, beside: present, isStopped)
            if isStopped() { return .held }
            guard next.digest == digest else { return .moved }
            try judge(next, present, isUnconditional: isUnconditional, isStopped)
            return .next(next)
        } catch {
            return .refused(
                "\(error)",
                found.map { found in
                    Refusal(
                        digest: found.digest, isUnconditional: found.isUnconditional,
                        retry: Retry(after: refusal?.digest == found.digest ? refusal?.retry : nil))
                })
        }
    }

    /// The models that are to score beside one; without those that cannot, which keep no other from its place.
    private func findCompanions(
        beside champion: ModelArtifact, _ target: ServedModel, isAsked: Bool, _ seen: RolesSeen?,
        _ isStopped: () -> Bool
    ) -> ([CompanionModel], RolesSeen) {
        var wanted = ModelRoles()
        do {
            wanted = try ArtifactStore(directory: settings.models).roles()
        } catch {
            let others = target.companions.filter { $0.artifact.digest != champion.digest }
            return (
                others,
                RolesSeen(
                    wanted: nil, champion: champion.digest, digests: [],
                    fault: ("\(error)", Retry(after: seen?.fault?.retry)))
            )
        }
        wanted.remove(champion.manifest.version)
        let places =
            (wanted.canary.map { [(version: $0.version, share: $0.perTenThousand)] } ?? [])
            + wanted.challengers.map { (version: $0, share: 0) }
        let digests = places.map { try? ModelArtifact.digest(path: "\(settings.models)/\($0.version)") }
        if !isAsked, let seen, seen.wanted == wanted, seen.champion == champion.digest, seen.digests == digests,
            !(seen.fault?.retry.isDue ?? false)
        {
            return (target.companions, seen)
        }
        var (companions, faults) = ([CompanionModel](), [String]())
        for ((version, share), digest) in zip(places, digests) {
            do {
                let known = target.companions.first { $0.artifact.digest == digest }?.artifact
                let artifact = try known ?? prove("\(settings.models)/\(version)", beside: champion, isStopped)
                guard artifact.manifest.version == version else {
                    throw WorkerError("it says of itself that it is version \(artifact.manifest.version)")
                }
                companions.append(CompanionModel(artifact, servedShare: share))
            } catch {
                faults.append("\(version) cannot score beside \(champion.manifest.version): \(error)")
            }
        }
        return (
            companions,
            RolesSeen(
                wanted: wanted, champion: champion.digest, digests: digests,
                fault: faults.isEmpty
                    ? nil : (faults.joined(separator: "; "), Retry(after: seen?.fault?.retry)))
        )
    }

    /// Reads and verifies a model, and holds it against what must not change while the worker runs.
    /// - Throws: where it cannot score.
    private func prove(_ path: String, beside present: ModelArtifact, _ isStopped: () -> Bool) throws -> ModelArtifact {
        let artifact = try ModelLoader(settings: settings).artifact(at: path)
        let (next, days) = (artifact.schema.horizon.days, present.schema.horizon.days)
        guard next == days else {
            throw WorkerError(
                "model \(artifact.manifest.version) looks \(next) days ahead and the one in service \(days): what waits for "
                    + "its label would be graded by another horizon. Start the worker again to serve it")
        }
        try artifact.prove(isCancelled: isStopped)
        return artifact
    }

    /// Holds what a model would change against the limits.
    private func judge(
        _ next: ModelArtifact, _ present: ModelArtifact, isUnconditional: Bool, _ isStopped: () -> Bool
    ) throws {
        guard settings.comparedRows > 0 else { return }
        let comparison = try comparer.compare(present, with: next, isStopped: isStopped)
        keep(comparison)
        let figures = comparison.radius.all
        logger.notice(
            comparison.isJudged
                ? "what another model would change"
                : "too few recent predictions to tell what another model would change",
            metadata: [
                "model": "\(next.manifest.version)", "predictions": "\(figures.rows)",
                "score_shift": "\(figures.stabilityIndex)", "flips": "\(figures.flippedShare)",
                "mean_before": "\(figures.meanBefore)", "mean_after": "\(figures.meanAfter)",
            ])
        guard let refusal = comparison.refusal else { return }
        guard isUnconditional else { throw WorkerError(refusal) }
        logger.notice(
            "somebody has consented to changes beyond the limits",
            metadata: [
                "model": "\(next.manifest.version)", "changes": "\(comparison.exceeded.joined(separator: "; "))",
            ])
    }

    /// Has every thread change behind its next commit. A thread that is about to begin begins with the model.
    private func begin(_ next: ServedModel, _ schemas: OutputSchemas?) throws -> Answers {
        let loader = ModelLoader(settings: settings)
        let models = try controlQueues.map { _ in ScoringModel(try loader.scorer(next, schemas: schemas)) }
        slot.order(next)
        let answers = Answers()
        for (queue, model) in zip(controlQueues, models) {
            queue.submit(.serve(ModelChange(model, reference: next.reference) { answers.add() }))
        }
        return answers
    }
}
