import Ensemble
import Foundation
import Logging
import Pipeline
import SchemaRegistry
import Scoring
import Synchronization

/// Notices when another model is to be served, proves it, and has the stream's threads change to it.
///
/// It runs beside the stream on a thread of its own: reading, verifying and proving an artifact takes seconds. Whatever is wrong
/// with the new one, the present one stays, and log, metric, status and page say so.
package final class ModelWatch: Sendable {
    /// What came of a look.
    package enum Outcome: Sendable, Equatable {
        /// Another model is served now.
        case served(version: String)
        /// What is served is what is to be served.
        case unchanged(version: String)
        /// The present one stays, and why.
        case refused(version: String, reason: String)
    }

    /// How things stand with models.
    private struct State {
        var changes = 0
        var refusals = 0
        var refused: WorkerStatus.Model.Refused?
        /// Who has asked, and waits for the answer.
        var requests: [Reply] = []
        var isAsked = false
        var errands: [Errand] = []
        /// The latest comparison of another model with the one in service then.
        var comparison: ModelComparison?
    }

    private typealias Reply = @Sendable (Outcome) -> Void

    /// A model that the threads are changing to.
    private struct Change {
        let model: ServedModel
        let answers: Answers
    }

    /// Counts threads that have answered.
    private final class Answers: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int { number.load(ordering: .acquiring) }
        func add() { number.add(1, ordering: .releasing) }
    }

    /// An artifact that was refused, and when it is tried again by itself.
    private struct Refusal {
        let digest: String
        /// Whether its changes had been consented to.
        let isUnconditional: Bool
        var next: ContinuousClock.Instant
        var pause: Duration
    }

    /// What the thread remembers from look to look.
    private struct Memory {
        /// What the threads are changing to.
        var change: Change?
        var refusal: Refusal?
        var roles: RolesSeen?
    }

    /// The roles that were found last.
    private struct RolesSeen {
        /// `nil` where they cannot be understood.
        let wanted: ModelRoles?
        /// Digest of the model that they stand beside.
        let champion: String
        /// What is wrong with them.
        let fault: String?
        /// Whether that has not been said yet.
        let isNews: Bool

        init(wanted: ModelRoles?, champion: String, fault: String?, before: RolesSeen?) {
            (self.wanted, self.champion, self.fault) = (wanted, champion, fault)
            isNews = fault != nil && fault != before?.fault
        }
    }

    private static let firstPause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(300)
    /// About a thirtieth of a core that others want.
    private static let niceness: Int32 = 15

    let settings: WorkerSettings
    let slot: ModelSlot
    let comparer: ModelComparer
    let logger: Logger
    private let controlQueues: [ControlQueue]
    private let state = Mutex(State())

    init(_ settings: WorkerSettings, _ slot: ModelSlot, controlQueues: [ControlQueue], logger: Logger) {
        self.settings = settings
        self.slot = slot
        self.controlQueues = controlQueues
        comparer = ModelComparer(settings: settings, controlQueues: controlQueues)
        self.logger = logger
    }

    /// How things stand.
    var status: WorkerStatus.Model {
        let current = slot.current
        return state.withLock { state in
            WorkerStatus.Model(
                version: current.artifact.manifest.version, since: current.since, changes: state.changes,
                refusals: state.refusals, roles: current.mix.roles, refused: state.refused)
        }
    }

    /// Has it look now, whatever it has seen before.
    /// - Parameter reply: told what came of it; never, if the worker stops before.
    func request(_ reply: (@Sendable (Outcome) -> Void)? = nil) {
        state.withLock { state in
            state.isAsked = true
            if let reply { state.requests.append(reply) }
        }
    }

    /// Has it carry an errand out.
    func request(_ errand: Errand) { state.withLock { $0.errands.append(errand) } }

    /// The latest comparison of another model with the one in service then.
    var comparison: ModelComparison? { state.withLock { $0.comparison } }

    func keep(_ comparison: ModelComparison) { state.withLock { $0.comparison = comparison } }

    /// Looks now and then until it is told to stop.
    /// - Parameter schemas: of what is published in Avro; `nil` for JSON.
    func run(_ schemas: OutputSchemas?, isStopped: () -> Bool) {
        // Of this thread alone, as Linux has it: a proof is a second's work, which must not keep the stream from its core.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
        var next = ContinuousClock.now
        var memory = Memory()
        var isFirst = true
        while !isStopped() {
            if let done = memory.change, done.answers.count >= controlQueues.count {
                settle(done.model, fault: memory.roles?.fault)
                memory.change = nil
            }
            let errands = state.withLock { state in
                defer { state.errands = [] }
                return state.errands
            }
            for errand in errands { carryOut(errand, isStopped: isStopped) }
            let isAsked = state.withLock { state in
                defer { state.isAsked = false }
                return state.isAsked
            }
            // The first look finds the models beside the one that the worker has begun with.
            if isAsked || isFirst || settings.reloadMilliseconds > 0 && ContinuousClock.now >= next {
                next = .now + .milliseconds(settings.reloadMilliseconds)
                isFirst = false
                look(isAsked: isAsked, schemas, &memory, isStopped)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// Finds the models that score beside the one that the worker begins with, before its threads begin.
    func prepare() {
        let target = slot.target
        var seen: RolesSeen?
        let companions = findCompanions(beside: target.artifact, target, isAsked: true, &seen) { false }
        if let fault = seen?.fault { note(fault, isAsked: false, serving: target.artifact) }
        guard !companions.isEmpty else { return }
        slot.order(target.beside(companions))
        slot.settle()
    }

    /// Begins to change where other models are to score than the threads have, or are changing to.
    private func look(
        isAsked: Bool, _ schemas: OutputSchemas?, _ memory: inout Memory, _ isStopped: () -> Bool
    ) {
        let target = slot.target
        let found = findChampion(target.artifact, isAsked: isAsked, &memory.refusal, isStopped)
        var (champion, refusal): (ModelArtifact, String?) = (target.artifact, nil)
        switch found {
        case .next(let artifact): champion = artifact
        case .refused(let reason): refusal = reason
        case .same, .held: break
        }
        if isStopped() { return }
        let companions = findCompanions(beside: champion, target, isAsked: isAsked, &memory.roles, isStopped)
        let fault = refusal ?? memory.roles?.fault
        if let fault, refusal != nil || memory.roles?.isNews ?? false {
            note(fault, isAsked: isAsked, serving: target.artifact)
        }
        do {
            let isSame = champion.digest == target.artifact.digest
            let next = isSame ? target.beside(companions) : try ServedModel(champion, beside: companions)
            if !next.isSame(as: target) {
                memory.change = Change(model: next, answers: try begin(next, schemas))
                return
            }
            if let fault { return answer(.refused(version: target.artifact.manifest.version, reason: fault)) }
            guard case .same = found else { return }
            state.withLock { $0.refused = nil }
            // While threads change, it is known only then what came of it.
            if memory.change == nil { answer(.unchanged(version: target.artifact.manifest.version)) }
        } catch {
            note("\(error)", isAsked: isAsked, serving: target.artifact)
            answer(.refused(version: target.artifact.manifest.version, reason: "\(error)"))
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
        /// One that may not be served, and why.
        case refused(String)
    }

    private func findChampion(
        _ present: ModelArtifact, isAsked: Bool, _ refusal: inout Refusal?, _ isStopped: () -> Bool
    ) -> Champion {
        var found: (digest: String, isUnconditional: Bool)?
        do {
            let digest = try ModelArtifact.digest(path: settings.models)
            if digest == present.digest {
                refusal = nil
                return .same
            }
            let store = ArtifactStore(directory: settings.models)
            let isUnconditional = store.current.map { store.isUnconditional($0) } ?? false
            found = (digest, isUnconditional)
            // What was refused is tried again by itself, but not all the time.
            if !isAsked, let refusal, refusal.digest == digest, refusal.isUnconditional == isUnconditional,
                ContinuousClock.now < refusal.next
            {
                return .held
            }
            let next = try prove(settings.models, beside: present, isStopped)
            if isStopped() { return .held }
            try judge(next, present, isUnconditional: isUnconditional, isStopped)
            refusal = nil
            return .next(next)
        } catch {
            if let found {
                let pause = refusal.map {
                    $0.digest == found.digest ? min($0.pause * 2, Self.longestPause) : Self.firstPause
                }
                refusal = Refusal(
                    digest: found.digest, isUnconditional: found.isUnconditional,
                    next: .now + (pause ?? Self.firstPause), pause: pause ?? Self.firstPause)
            }
            return .refused("\(error)")
        }
    }

    /// The models that are to score beside one; without those that cannot, which keep no other from its place.
    private func findCompanions(
        beside champion: ModelArtifact, _ target: ServedModel, isAsked: Bool, _ memory: inout RolesSeen?,
        _ isStopped: () -> Bool
    ) -> [CompanionModel] {
        var wanted = ModelRoles()
        do {
            wanted = try ArtifactStore(directory: settings.models).roles()
            wanted.remove(champion.manifest.version)
        } catch {
            memory = RolesSeen(wanted: nil, champion: champion.digest, fault: "\(error)", before: memory)
            return target.companions
        }
        if !isAsked, let memory, memory.wanted == wanted, memory.champion == champion.digest {
            return target.companions
        }
        var (companions, faults) = ([CompanionModel](), [String]())
        let places =
            (wanted.canary.map { [(version: $0.version, share: $0.perTenThousand)] } ?? [])
            + wanted.challengers.map { (version: $0, share: 0) }
        for (version, share) in places {
            do {
                let path = "\(settings.models)/\(version)"
                let digest = try ModelArtifact.digest(path: path)
                let known = target.companions.first { $0.artifact.digest == digest }?.artifact
                companions.append(
                    CompanionModel(
                        try known ?? prove(path, beside: champion, isStopped), servedShare: share))
            } catch {
                faults.append("\(version) cannot score beside \(champion.manifest.version): \(error)")
            }
        }
        memory = RolesSeen(
            wanted: wanted, champion: champion.digest,
            fault: faults.isEmpty ? nil : faults.joined(separator: "; "), before: memory)
        return companions
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

    /// All threads have changed.
    /// - Parameter fault: what is wrong with a model that is to score beside the one in service.
    private func settle(_ model: ServedModel, fault: String?) {
        let before = slot.current
        slot.settle()
        let isAnother = before.artifact.digest != model.artifact.digest
        state.withLock { state in
            if isAnother { state.changes += 1 }
            if fault == nil { state.refused = nil }
        }
        let version = model.artifact.manifest.version
        if isAnother {
            logger.notice(
                "another model is served from the next message on",
                metadata: ["model": "\(version)", "before": "\(before.artifact.manifest.version)"])
        }
        if !model.hasSameCompanions(as: before) {
            logger.notice(
                "other models score beside the one in service from the next message on",
                metadata: ["models": "\(model.mix.text)", "before": "\(before.mix.text)"])
        }
        answer(.served(version: version))
    }

    /// Says that a model is refused, in the log and in the status.
    private func note(_ reason: String, isAsked: Bool, serving present: ModelArtifact) {
        let isNews = state.withLock { state in
            let isNews = state.refused?.reason != reason
            if isNews || isAsked { state.refusals += 1 }
            if isNews { state.refused = WorkerStatus.Model.Refused(since: Date(), reason: reason) }
            return isNews
        }
        if isNews || isAsked {
            logger.error(
                "a model is refused; the present one stays in service",
                metadata: ["reason": "\(reason)", "serving": "\(present.manifest.version)"])
        }
    }

    private func answer(_ outcome: Outcome) {
        let requests = state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
        for reply in requests { reply(outcome) }
    }
}
