import Kafka

/// The partitions that a thread owns, in order of their numbers. Figures about them are computed from here.
final class PartitionRegistry {
    /// By ascending partition.
    private(set) var tasks: [PartitionTask] = []
    private var byNumber: [Int32: PartitionTask] = [:]
    /// Assigned partitions whose ends nobody can tell yet, because they have no leader; by ascending partition, with the
    /// offset that the group has committed.
    private(set) var waiting: [PartitionOffset] = []
    /// Those that the consumer does not fetch.
    private var paused: Set<TopicPartition> = []

    /// Figures of a thread at one moment.
    struct Gauges: Equatable, Sendable {
        var partitions = 0
        /// Partitions whose state is being rebuilt.
        var restoring = 0
        var customers = 0
    }

    /// The task of a partition that is assigned.
    subscript(partition: Int32) -> PartitionTask? { byNumber[partition] }

    /// Adds a task, in place of an earlier one of its partition.
    func add(_ task: PartitionTask) {
        remove(task.partition)
        byNumber[task.partition.partition] = task
        let place = tasks.firstIndex { task.partition < $0.partition } ?? tasks.endIndex
        tasks.insert(task, at: place)
    }

    /// Takes a partition out and ends its task's life.
    @discardableResult
    func remove(_ partition: TopicPartition) -> PartitionTask? {
        paused.remove(partition)
        guard let task = byNumber.removeValue(forKey: partition.partition) else { return nil }
        tasks.removeAll { $0 === task }
        task.close()
        return task
    }

    /// A partition is assigned and nobody can tell where its log begins and ends.
    func wait(for committed: PartitionOffset) {
        stopWaiting(committed.partition)
        waiting.append(committed)
        waiting.sort { $0.partition < $1.partition }
    }

    func stopWaiting(_ partition: TopicPartition) {
        waiting.removeAll { $0.partition == partition }
        paused.remove(partition)
    }

    /// Whether a partition is assigned, and whether its state is complete.
    func ownership(of partition: Int32) -> ThreadCommand.Ownership {
        if waiting.contains(where: { $0.partition.partition == partition }) { return .restoring }
        return byNumber[partition].map { $0.isRestored ? .restored : .restoring } ?? ThreadCommand.Ownership.none
    }

    /// Partitions whose state is not complete, ascending.
    var restoring: [Int32] {
        (tasks.filter { !$0.isRestored }.map(\.partition) + waiting.map(\.partition)).map(\.partition).sorted()
    }

    /// What there is to commit.
    var uncommitted: [PartitionTask] { tasks.filter { !$0.uncommitted.isEmpty } }

    /// Partitions with customers who come before the next message.
    var rescoring: [PartitionTask] { tasks.filter(\.isRescoringDue) }

    /// Whether a task waits for something other than messages.
    var isInTransition: Bool { tasks.contains(where: \.isInTransition) }

    var gauges: Gauges {
        Gauges(
            partitions: tasks.count + waiting.count, restoring: restoring.count,
            customers: tasks.reduce(0) { $0 + $1.state.table.count })
    }

    // MARK: Fetching

    func isPaused(_ partition: TopicPartition) -> Bool { paused.contains(partition) }
    func notePaused(_ partitions: [TopicPartition]) { paused.formUnion(partitions) }
    func noteResumed(_ partitions: [TopicPartition]) { paused.subtract(partitions) }
}
