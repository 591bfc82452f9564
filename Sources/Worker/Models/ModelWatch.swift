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
    struct State {
        var changes = 0
        var refusals = 0
        var refused: WorkerStatus.Model.Refused?
        fileprivate var requests: [@Sendable (Outcome) -> Void] = []
        /// After a refusal by itself nothing is tried before.
        fileprivate var notBefore = ContinuousClock.now
        fileprivate var pause = ModelWatch.firstPause

        fileprivate mutating func succeeded() {
            (refused, notBefore, pause) = (nil, .now, ModelWatch.firstPause)
        }
    }

    private static let firstPause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(300)

    private let settings: WorkerSettings
    private let slot: ModelSlot
    private let controlQueues: [ControlQueue]
    private let logger: Logger
    private let state = Mutex(State())

    init(_ settings: WorkerSettings, _ slot: ModelSlot, controlQueues: [ControlQueue], logger: Logger) {
        self.settings = settings
        self.slot = slot
        self.controlQueues = controlQueues
        self.logger = logger
    }

    /// How things stand.
    var status: WorkerStatus.Model {
        let (current, state) = (slot.current, state.withLock { $0 })
        return WorkerStatus.Model(
            version: current.artifact.manifest.version, since: current.since, changes: state.changes,
            refusals: state.refusals, refused: state.refused)
    }

    /// Has it look now, whatever it has seen before.
    /// - Parameter reply: told what came of it; never, if the worker stops before.
    func request(_ reply: @escaping @Sendable (Outcome) -> Void = { _ in }) {
        state.withLock { $0.requests.append(reply) }
    }

    /// Looks now and then until it is told to stop.
    /// - Parameter schemas: of what is published in Avro; `nil` for JSON.
    func run(_ schemas: OutputSchemas?, isStopped: () -> Bool) {
        var next = ContinuousClock.now
        while !isStopped() {
            let requests = state.withLock { state in
                defer { state.requests = [] }
                return state.requests
            }
            // What was refused is tried again by itself, but not all the time.
            let isDue =
                settings.reloadMilliseconds > 0 && ContinuousClock.now >= max(next, state.withLock { $0.notBefore })
            if isDue { next = .now + .milliseconds(settings.reloadMilliseconds) }
            if !requests.isEmpty || isDue {
                let outcome = look(schemas, isAsked: !requests.isEmpty, isStopped)
                for reply in requests { reply(outcome) }
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    private func look(_ schemas: OutputSchemas?, isAsked: Bool, _ isStopped: () -> Bool) -> Outcome {
        let current = slot.current.artifact
        do {
            let digest = try ModelArtifact.digest(path: settings.models)
            if digest == current.digest {
                state.withLock { $0.succeeded() }
                return .unchanged(version: current.manifest.version)
            }
            let next = try prove(current)
            try change(to: next, schemas, isStopped)
            state.withLock { state in
                state.changes += 1
                state.succeeded()
            }
            return .served(version: next.artifact.manifest.version)
        } catch {
            refused("\(error)", isAsked: isAsked, serving: current)
            return .refused(version: current.manifest.version, reason: "\(error)")
        }
    }

    /// Reads and verifies what is to be served, and holds it against what must not change while the worker runs.
    private func prove(_ current: ModelArtifact) throws -> ServedModel {
        let artifact = try ModelLoader(settings: settings).artifact()
        let (next, present) = (artifact.schema.horizon.days, current.schema.horizon.days)
        guard next == present else {
            throw WorkerError(
                "model \(artifact.manifest.version) looks \(next) days ahead and the one in service \(present): what waits for "
                    + "its label would be graded by another horizon. Start the worker again to serve it")
        }
        try artifact.prove()
        return try ServedModel(artifact)
    }

    /// Has every thread change, and waits for them.
    private func change(to next: ServedModel, _ schemas: OutputSchemas?, _ isStopped: () -> Bool) throws {
        let loader = ModelLoader(settings: settings)
        let models = try controlQueues.map { _ in ScoringModel(try loader.scorer(next.artifact, schemas: schemas)) }
        let before = slot.current.artifact.manifest.version
        // A thread that is beginning anew begins with it.
        slot.serve(next)
        let answers = Answers()
        for (queue, model) in zip(controlQueues, models) {
            queue.submit(.serve(ModelChange(model, reference: next.reference) { _ in answers.add() }))
        }
        while answers.count < controlQueues.count, !isStopped() { Thread.sleep(forTimeInterval: 0.01) }
        logger.notice(
            "another model is served from the next message on",
            metadata: ["model": "\(next.artifact.manifest.version)", "before": "\(before)"])
    }

    /// Counts threads that have answered.
    private final class Answers: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int { number.load(ordering: .acquiring) }
        func add() { number.add(1, ordering: .releasing) }
    }

    private func refused(_ reason: String, isAsked: Bool, serving current: ModelArtifact) {
        let isNews = state.withLock { state in
            let isNews = state.refused?.reason != reason
            if isNews || isAsked { state.refusals += 1 }
            if isNews { state.refused = WorkerStatus.Model.Refused(since: Date(), reason: reason) }
            state.notBefore = .now + state.pause
            state.pause = min(state.pause * 2, Self.longestPause)
            return isNews
        }
        guard isNews || isAsked else { return }
        logger.error(
            "a model is refused; the present one stays in service",
            metadata: ["reason": "\(reason)", "serving": "\(current.manifest.version)"])
    }
}
