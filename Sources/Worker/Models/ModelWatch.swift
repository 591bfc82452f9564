import Ensemble
import Foundation
import Logging
import Monitoring
import Pipeline
import SchemaRegistry
import Synchronization

/// Notices when other models are to score, proves them, and has the stream's threads change to them.
///
/// It runs beside the stream on a thread of its own: reading, verifying and proving an artifact takes seconds. Whatever is wrong
/// with a new one, the present one stays, and log, metric, status and page say so.
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

    /// What something can be wrong with, in the order in which it is told.
    enum Matter: Int, CaseIterable {
        /// The model that `current` points to.
        case champion
        /// A model that is to score beside it.
        case roles
        /// A promotion by rule.
        case rule
    }

    /// How things stand with models.
    private struct State {
        var changes = 0
        var refusals = 0
        var faults: [Matter: WorkerStatus.Model.Refused] = [:]
        /// Who has asked, and waits for the answer.
        var requests: [Reply] = []
        var isAsked = false
        var errands: [Errand] = []
        /// The latest comparison of another model with the one in service then.
        var comparison: ModelComparison?
    }

    private typealias Reply = @Sendable (Outcome) -> Void
    /// What labels say of models, and how much scores drift.
    typealias Grades = @Sendable () -> (comparisons: [PairedComparison], scoreDrift: Double?)

    /// About a thirtieth of a core that others want.
    private static let niceness: Int32 = 15
    private static let decisionPause = Duration.seconds(10)
    /// Most questions and orders that wait at a time.
    private static let mostErrands = 8

    let settings: WorkerSettings
    let slot: ModelSlot
    let comparer: ModelComparer
    let logger: Logger
    let controlQueues: [ControlQueue]
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
                refusals: state.refusals, roles: current.mix.roles,
                refused: Matter.allCases.compactMap { state.faults[$0] }.first)
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
    /// - Returns: false where too many wait already.
    func request(_ errand: Errand) -> Bool {
        state.withLock { state in
            guard state.errands.count < Self.mostErrands else { return false }
            state.errands.append(errand)
            return true
        }
    }

    /// The latest comparison of another model with the one in service then.
    var comparison: ModelComparison? { state.withLock { $0.comparison } }

    func keep(_ comparison: ModelComparison) { state.withLock { $0.comparison = comparison } }

    /// Looks now and then until it is told to stop.
    /// - Parameters:
    ///   - schemas: of what is published in Avro; `nil` for JSON.
    ///   - grades: is asked where models are promoted by rule.
    func run(_ schemas: OutputSchemas?, grades: Grades, isStopped: () -> Bool) {
        // Of this thread alone, as Linux has it: a proof is a second's work, which must not keep the stream from its core.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.niceness)
        var next = ContinuousClock.now
        var memory = Memory()
        // The first look finds the models beside the one that the worker has begun with.
        var isFirst = true
        var nextDecision = ContinuousClock.now
        while !isStopped() {
            if let done = memory.change, done.answers.count >= controlQueues.count {
                settle(done)
                memory.change = nil
            }
            // One a turn: changes and looks come between them.
            let errand = state.withLock { $0.errands.isEmpty ? nil : $0.errands.removeFirst() }
            if let errand { carryOut(errand, isStopped: isStopped) }
            if settings.promotion == .whenBetter, memory.change == nil, ContinuousClock.now >= nextDecision {
                nextDecision = .now + Self.decisionPause
                decide(grades(), isStopped: isStopped)
            }
            let isAsked = state.withLock { state in
                defer { state.isAsked = false }
                return state.isAsked
            }
            if isAsked || isFirst || settings.reloadMilliseconds > 0 && ContinuousClock.now >= next {
                next = .now + .milliseconds(settings.reloadMilliseconds)
                isFirst = false
                look(isAsked: isAsked, schemas, &memory, isStopped)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// All threads have changed.
    private func settle(_ change: Change) {
        let (before, model) = (slot.current, change.model)
        slot.settle()
        let isAnother = before.artifact.digest != model.artifact.digest
        let version = model.artifact.manifest.version
        if isAnother {
            state.withLock { $0.changes += 1 }
            logger.notice(
                "another model is served from the next message on",
                metadata: ["model": "\(version)", "before": "\(before.artifact.manifest.version)"])
        }
        if !model.hasSameCompanions(as: before) {
            logger.notice(
                "other models score beside the one in service from the next message on",
                metadata: ["models": "\(model.mix.text)", "before": "\(before.mix.text)"])
        }
        answer(change.fault.map { .refused(version: version, reason: $0) } ?? .served(version: version))
    }

    /// Says in the log and in the status that a model is refused, where that is news or somebody has asked.
    func note(_ reason: String, of matter: Matter, isAsked: Bool = false) {
        let isNews = state.withLock { state in
            let isNews = state.faults[matter]?.reason != reason
            if isNews || isAsked { state.refusals += 1 }
            if isNews { state.faults[matter] = WorkerStatus.Model.Refused(since: Date(), reason: reason) }
            return isNews
        }
        if isNews || isAsked {
            logger.error(
                "a model is refused; the present one stays in service",
                metadata: ["reason": "\(reason)", "serving": "\(slot.current.artifact.manifest.version)"])
        }
    }

    /// Nothing is wrong with it any more.
    func forget(_ matter: Matter) { state.withLock { $0.faults[matter] = nil } }

    /// Tells all who have asked.
    func answer(_ outcome: Outcome) {
        let requests = state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
        for reply in requests { reply(outcome) }
    }
}
