import Monitoring
import Pipeline
import Synchronization

/// Another model for a stream thread. Made by the watch, which lets go of it when the thread has it.
final class ModelChange: @unchecked Sendable {
    let model: ScoringModel
    let reference: ReferenceDistributions?
    private let reply: @Sendable () -> Void
    private let isAnswered = Atomic<Bool>(false)

    /// - Parameter reply: called once, when the thread serves the model, or never will: there is none, and the next one begins
    ///   with it, or a later change has come before.
    init(
        _ model: ScoringModel, reference: ReferenceDistributions?,
        reply: @escaping @Sendable () -> Void
    ) {
        self.model = model
        self.reference = reference
        self.reply = reply
    }

    func answer() { if !isAnswered.exchange(true, ordering: .relaxed) { reply() } }
}

/// Changes a thread's model at one point only: right behind a commit, before the next message is processed. Then no transaction
/// holds predictions of two models, and what a partition has published by which model changes at one offset.
final class ModelChanger {
    private let pipeline: ScoringPipeline
    private let commits: CommitCoordinator
    private let registry: PartitionRegistry
    private let watch: ClusterWatch
    private let driftRows: Int
    private let pause: Duration
    private var waiting: ModelChange?
    private var nextAttempt = ContinuousClock.now

    init(
        pipeline: ScoringPipeline, commits: CommitCoordinator, registry: PartitionRegistry, watch: ClusterWatch,
        settings: WorkerSettings
    ) {
        self.registry = registry
        self.pipeline = pipeline
        self.commits = commits
        self.watch = watch
        driftRows = settings.driftRows
        pause = .milliseconds(settings.commitIntervalMilliseconds)
    }

    /// The next commit brings this model.
    func take(_ change: ModelChange) {
        waiting?.answer()
        waiting = change
    }

    /// Commits if a model waits, and serves it then. What cannot be committed puts it off.
    func advance() throws -> StreamAction {
        // What is due at one instant is of one model.
        guard let change = waiting, !registry.tasks.contains(where: \.state.isRescoringDue) else { return .proceed }
        if commits.hasUncommitted {
            guard !watch.isAway, ContinuousClock.now >= nextAttempt else { return .proceed }
            nextAttempt = .now + pause
            let action = try commits.commit()
            guard case .proceed = action, !commits.hasUncommitted else { return action }
        }
        waiting = nil
        pipeline.serve(change.model, reference: change.reference, driftRows: driftRows)
        change.answer()
        return .proceed
    }

    /// The thread has ended.
    func close() {
        waiting?.answer()
        waiting = nil
    }
}
