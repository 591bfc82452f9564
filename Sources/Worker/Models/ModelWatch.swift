import Ensemble
import Foundation
import Logging
import Pipeline
import SchemaRegistry
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
                refusals: state.refusals, refused: state.refused)
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
        var (change, refusal): (Change?, Refusal?)
        while !isStopped() {
            if let done = change, done.answers.count >= controlQueues.count {
                settle(done.model)
                change = nil
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
            if isAsked || settings.reloadMilliseconds > 0 && ContinuousClock.now >= next {
                next = .now + .milliseconds(settings.reloadMilliseconds)
                look(isAsked: isAsked, schemas, &change, &refusal, isStopped)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// Begins to change where another artifact is to be served than the threads serve, or are changing to.
    private func look(
        isAsked: Bool, _ schemas: OutputSchemas?, _ change: inout Change?, _ refusal: inout Refusal?,
        _ isStopped: () -> Bool
    ) {
        let target = slot.target.artifact
        var found: (digest: String, isUnconditional: Bool)?
        do {
            let digest = try ModelArtifact.digest(path: settings.models)
            if digest == target.digest {
                refusal = nil
                state.withLock { $0.refused = nil }
                // While threads change, it is known only then what came of it.
                if change == nil { answer(.unchanged(version: target.manifest.version)) }
                return
            }
            let store = ArtifactStore(directory: settings.models)
            let isUnconditional = store.current.map { store.isUnconditional($0) } ?? false
            found = (digest, isUnconditional)
            // What was refused is tried again by itself, but not all the time.
            if !isAsked, let refusal, refusal.digest == digest, refusal.isUnconditional == isUnconditional,
                ContinuousClock.now < refusal.next
            {
                return
            }
            guard let next = try prove(target, isStopped) else { return }
            try judge(next.artifact, target, isUnconditional: isUnconditional, isStopped)
            change = Change(model: next, answers: try begin(next, schemas))
            refusal = nil
        } catch {
            if let found {
                let pause = refusal.map {
                    $0.digest == found.digest ? min($0.pause * 2, Self.longestPause) : Self.firstPause
                }
                refusal = Refusal(
                    digest: found.digest, isUnconditional: found.isUnconditional,
                    next: .now + (pause ?? Self.firstPause), pause: pause ?? Self.firstPause)
            }
            refused("\(error)", isAsked: isAsked, serving: target)
        }
    }

    /// Reads and verifies what is to be served, and holds it against what must not change while the worker runs.
    /// - Returns: `nil` if the worker stops meanwhile.
    private func prove(_ present: ModelArtifact, _ isStopped: () -> Bool) throws -> ServedModel? {
        let artifact = try ModelLoader(settings: settings).artifact()
        let (next, days) = (artifact.schema.horizon.days, present.schema.horizon.days)
        guard next == days else {
            throw WorkerError(
                "model \(artifact.manifest.version) looks \(next) days ahead and the one in service \(days): what waits for "
                    + "its label would be graded by another horizon. Start the worker again to serve it")
        }
        try artifact.prove(isCancelled: isStopped)
        return isStopped() ? nil : try ServedModel(artifact)
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
        let models = try controlQueues.map { _ in ScoringModel(try loader.scorer(next.artifact, schemas: schemas)) }
        slot.order(next)
        let answers = Answers()
        for (queue, model) in zip(controlQueues, models) {
            queue.submit(.serve(ModelChange(model, reference: next.reference) { answers.add() }))
        }
        return answers
    }

    /// All threads have changed.
    private func settle(_ model: ServedModel) {
        let before = slot.current.artifact.manifest.version
        slot.settle()
        state.withLock { state in
            state.changes += 1
            state.refused = nil
        }
        logger.notice(
            "another model is served from the next message on",
            metadata: ["model": "\(model.artifact.manifest.version)", "before": "\(before)"])
        answer(.served(version: model.artifact.manifest.version))
    }

    private func refused(_ reason: String, isAsked: Bool, serving present: ModelArtifact) {
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
        answer(.refused(version: present.manifest.version, reason: reason))
    }

    private func answer(_ outcome: Outcome) {
        let requests = state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
        for reply in requests { reply(outcome) }
    }
}
