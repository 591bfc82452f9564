import Kafka
import Monitoring
import Pipeline
import Synchronization

/// What one thread is at, immutable; about a second old at most while the thread works.
struct ThreadStats: Sendable {
    var partitions: [WorkerStatus.Partition] = []
    /// Published predictions by bin of their probability.
    var scores: [Int] = []
    var endToEnd = Histogram()
    /// Of `endToEnd`, what is not older than so many seconds.
    var recent = (histogram: Histogram(), seconds: 0.0)
    /// Whether the group counts on the thread's consumer, with partitions or without.
    var isMember = false

    /// Of a thread that owns nothing.
    init() {}

    /// - Parameter logEnd: a partition's end as far as the consumer knows.
    init(
        thread: Int, _ registry: PartitionRegistry, _ monitor: PredictionMonitor, isMember: Bool,
        recent: (histogram: Histogram, seconds: Double), logEnd: (TopicPartition) -> Int64?
    ) {
        self.isMember = isMember
        self.recent = recent
        partitions = registry.tasks.map { task in
            WorkerStatus.Partition(
                task, thread: thread, logEnd: max(logEnd(task.partition) ?? 0, task.logEndOffset))
        }
        partitions += registry.waiting.map { WorkerStatus.Partition(waiting: $0, thread: thread) }
        scores = monitor.scores
        endToEnd = monitor.endToEnd
    }
}

/// What one thread has seen of its predictions, immutable. Taking it costs more than stats, and while somebody holds it the
/// thread copies what it changes: only for whoever asks.
struct ThreadObservations: Sendable {
    let drift: DriftWindow.Snapshot?
    let labelJoins: [EvaluationSnapshot]
}

/// Where a thread publishes its latest stats, once a second, and anybody reads them.
final class ThreadBoard: Sendable {
    private let stats = Mutex(ThreadStats())

    var latest: ThreadStats { stats.withLock { $0 } }
    func publish(_ latest: ThreadStats) { stats.withLock { $0 = latest } }
}

extension WorkerStatus.Partition {
    /// A partition of which nobody can tell yet where its log begins and ends.
    init(waiting committed: PartitionOffset, thread: Int) {
        let offset = max(committed.offset, 0)
        self.init(
            topic: committed.partition.topic, partition: committed.partition.partition, thread: thread,
            phase: .loading, restored: 0, position: offset, logEnd: offset, customers: 0, stateBytes: 0,
            expectedStateBytes: 0, isIncomplete: false, clock: 0)
    }

    init(_ task: PartitionTask, thread: Int, logEnd: Int64) {
        let memory = task.state.table.estimatedMemory
        let phase: Phase =
            switch task.phase {
            case .loading, .positioning, .closed: .loading
            case .awaitingSchema: .awaitingSchema
            case .replaying, .live, .rescoring, .rewinding: task.isRestored ? .live : .rebuilding
            }
        self.init(
            topic: task.partition.topic, partition: task.partition.partition, thread: thread, phase: phase,
            restored: task.restoredShare, position: task.nextOffset, logEnd: logEnd,
            customers: task.state.table.count, stateBytes: memory.bytes, expectedStateBytes: memory.ceiling,
            isIncomplete: task.state.isIncomplete, clock: task.state.table.clock.time)
    }
}
