import Monitoring
import Pipeline
import Synchronization

/// Another model for a stream thread. Made by the watch, which lets go of it when the thread has it.
final class ModelChange: @unchecked Sendable {
    let model: ScoringModel
    let reference: ReferenceDistributions?
    private let reply: @Sendable (_ isServed: Bool) -> Void
    private let isAnswered = Atomic<Bool>(false)

    /// - Parameter reply: told once whether the thread serves the model; not when there is no thread, which would begin with it.
    init(
        _ model: ScoringModel, reference: ReferenceDistributions?,
        reply: @escaping @Sendable (_ isServed: Bool) -> Void
    ) {
        self.model = model
        self.reference = reference
        self.reply = reply
    }

    func answer(isServed: Bool) { if !isAnswered.exchange(true, ordering: .relaxed) { reply(isServed) } }
}

/// Changes a thread's model at one point only: right behind a commit, before the next message is processed. Then no transaction
/// holds predictions of two models, and what a partition has published by which model changes at one offset.
final class ModelChanger {
    private let pipeline: ScoringPipeline
    private let commits: CommitCoordinator
    private let registry: PartitionRegistry
    private let watch: ClusterWatch
    private let driftRows: Int
    private var waiting: ModelChange?

    init(
        pipeline: ScoringPipeline, commits: CommitCoordinator, registry: PartitionRegistry, watch: ClusterWatch,
        driftRows: Int
    ) {
        self.pipeline = pipeline
        self.commits = commits
        self.registry = registry
        self.watch = watch
        self.driftRows = driftRows
    }

    /// The next commit brings this model.
    func take(_ change: ModelChange) {
        waiting?.answer(isServed: false)
        waiting = change
    }

    /// Commits if a model waits, and serves it then. What cannot be committed puts it off.
    func advance() throws -> StreamAction {
        guard let change = waiting, !watch.isAway else { return .proceed }
        let action = try commits.commit()
        guard case .proceed = action, !commits.hasUncommitted else { return action }
        waiting = nil
        pipeline.serve(change.model, reference: change.reference, driftRows: driftRows)
        change.answer(isServed: true)
        return .proceed
    }

    /// The thread has ended.
    func close() {
        waiting?.answer(isServed: false)
        waiting = nil
    }
}
