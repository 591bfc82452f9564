import Kafka

/// What happens when the group assigns partitions and takes them away: inside poll, on the thread that owns them.
///
/// A callback cannot throw: what goes wrong in one is kept until the loop asks for it, right after the poll.
final class GroupMembership: RebalanceHandler {
    private let factory: TaskFactory
    private let commits: CommitCoordinator
    private let checkpointer: Checkpointer
    private let registry: PartitionRegistry
    private let reporter: ThreadReporter
    private var failure: (any Error)?
    private var isLeaving = false
    /// Whether the group counts on this consumer, with partitions or without.
    private(set) var isMember = false

    init(
        factory: TaskFactory, commits: CommitCoordinator, checkpointer: Checkpointer, registry: PartitionRegistry,
        reporter: ThreadReporter
    ) {
        self.factory = factory
        self.commits = commits
        self.checkpointer = checkpointer
        self.registry = registry
        self.reporter = reporter
    }

    /// Throws what went wrong in the last callbacks.
    func throwFailure() throws {
        guard let failure else { return }
        self.failure = nil
        throw failure
    }

    /// Partitions that are assigned from now on are not read.
    func leave() { isLeaving = true }

    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        isMember = true
        if isLeaving { return partitions.map { PartitionOffset($0, offset: PartitionOffset.end) } }
        do {
            return try factory.makeTasks(for: partitions, isNew: true)
        } catch let error as KafkaError where error.remedy == .retry && factory.isCancelled {
            // Told to stop while Kafka did not answer: they are not read any more.
            release(partitions)
            return partitions.map { PartitionOffset($0, offset: PartitionOffset.end) }
        } catch {
            failure = error
            return []
        }
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {
        // Who gives everything up joins anew.
        if !consumer.isCooperative { isMember = false }
        keepingFailure { try commits.beforeRevocation(of: partitions) }
        release(partitions)
    }

    func lost(_ partitions: [TopicPartition], consumer: Consumer) {
        isMember = false
        keepingFailure { try commits.afterLoss() }
        release(partitions)
    }

    /// Drops the state of partitions.
    func release(_ partitions: [TopicPartition]) {
        for partition in partitions {
            registry.stopWaiting(partition)
            guard let task = registry.remove(partition) else { continue }
            checkpointer.released(task)
            reporter.released(task)
        }
    }

    private func keepingFailure(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            failure = error
        }
    }
}
