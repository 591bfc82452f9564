import Monitoring
import Synchronization

/// What one thread is at, immutable; about a second old at most while the thread works.
struct ThreadPicture: Sendable {
    var partitions: [WorkerStatus.Partition] = []
    var scores: [Int] = []
    var endToEnd = Histogram()
}

/// What one thread has seen of its predictions, immutable. Taking it costs more than a picture, and while somebody holds it
/// the thread copies what it changes: only for who asks.
struct ThreadObservations: Sendable {
    let drift: DriftWindow.Snapshot?
    let grading: [EvaluationSnapshot]
}

/// Where a thread puts its latest picture, once a second, and anybody finds it.
final class ThreadBoard: Sendable {
    private let latest = Mutex(ThreadPicture())

    var picture: ThreadPicture { latest.withLock { $0 } }
    func put(_ picture: ThreadPicture) { latest.withLock { $0 = picture } }
}

extension StreamThread {
    /// Once a second.
    func putPicture() {
        let now = ContinuousClock.now
        guard now >= nextPicture else { return }
        nextPicture = now + .seconds(1)
        var picture = ThreadPicture()
        picture.partitions = tasks.values.sorted { $0.partition < $1.partition }.map { task in
            let memory = task.table.estimatedMemory
            return WorkerStatus.Partition(
                topic: task.partition.topic, partition: task.partition.partition, thread: number,
                phase: !task.isRestoring ? .live : task.phase == .running ? .rebuilding : .loading,
                restored: task.restoredShare, position: task.next,
                logEnd: max(consumer.latestKnownEnd(of: task.partition) ?? 0, task.logEnd),
                customers: task.table.count, stateBytes: memory.bytes, expectedStateBytes: memory.ceiling,
                isIncomplete: task.isIncomplete, clock: task.table.clock.time)
        }
        picture.scores = monitor.scores
        picture.endToEnd = monitor.endToEnd
        board.put(picture)
    }

    func observations() -> ThreadObservations {
        ThreadObservations(
            drift: monitor.drift?.takeSnapshot(),
            grading: tasks.values.sorted { $0.partition < $1.partition }.compactMap { $0.grader?.evaluationSnapshot })
    }
}
