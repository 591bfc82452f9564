import Kafka
import Pipeline

/// Makes the tasks of assigned partitions: decides where each begins, and from what its state is restored.
final class TaskFactory {
    private let settings: WorkerSettings
    private let requests: AssignmentRequests
    private let registry: PartitionRegistry
    private let restorer: Restorer
    private let checkpointer: Checkpointer
    private let pipeline: ScoringPipeline
    private let reporter: ThreadReporter
    private let partitionCount: Int
    /// When partitions without a leader are asked for again; the pause doubles.
    private var nextAttempt = ContinuousClock.now
    private var attemptPause = Duration.zero

    init(
        settings: WorkerSettings, requests: AssignmentRequests, registry: PartitionRegistry, restorer: Restorer,
        checkpointer: Checkpointer, pipeline: ScoringPipeline, partitionCount: Int, reporter: ThreadReporter
    ) {
        self.partitionCount = partitionCount
        self.settings = settings
        self.requests = requests
        self.registry = registry
        self.restorer = restorer
        self.checkpointer = checkpointer
        self.pipeline = pipeline
        self.reporter = reporter
    }

    /// Whether the worker has been told to stop, so that requests are not repeated any more.
    var isCancelled: Bool { requests.isCancelled }

    /// Makes tasks for partitions, adds them to the registry and has their checkpoints read.
    /// - Parameter isNew: true inside an assignment callback, whose returned offsets the consumer starts at; false after a failed
    ///   undo, when the consumer has to be moved.
    /// - Returns: the offsets to read from; where a checkpoint is read first, the consumer is moved afterwards.
    /// - Throws: `KafkaError` when Kafka does not answer; `WorkerError` when the policy for a cut log is to stop.
    @discardableResult
    func makeTasks(for partitions: [TopicPartition], isNew: Bool) throws -> [PartitionOffset] {
        pipeline.forgetPastModels()
        var timeout = AssignmentRequests.timeoutMilliseconds
        return try requests.committed(partitions).map { position in
            do {
                return try makeTask(for: position, isNew: isNew, timeoutMilliseconds: timeout)
            } catch let error as KafkaError where error.remedy == .retry && !isCancelled {
                // The group does not wait for one silent partition after the other.
                timeout = Self.attemptTimeoutMilliseconds
                reporter.warn("partition waits for its leader", error)
                registry.wait(for: position)
                (nextAttempt, attemptPause) = (.now + Self.firstPause, Self.firstPause)
                return position.offset >= 0
                    ? position : PartitionOffset(position.partition, offset: PartitionOffset.beginning)
            }
        }
    }

    /// How long the stream waits for the answer about a partition without a leader.
    private static let attemptTimeoutMilliseconds = 100
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(10)

    /// Asks again, now and then, about partitions that had no leader; the stream goes on with the others meanwhile.
    /// - Throws: as `makeTasks`.
    func advance() throws {
        guard !registry.waiting.isEmpty, ContinuousClock.now >= nextAttempt else { return }
        attemptPause = min(attemptPause * 2, Self.longestPause)
        for position in registry.waiting {
            do {
                _ = try makeTask(
                    for: position, isNew: false, timeoutMilliseconds: Self.attemptTimeoutMilliseconds)
            } catch let error as KafkaError where error.remedy == .retry {
                reporter.warn("partition waits for its leader", error)
            }
        }
        nextAttempt = .now + attemptPause
    }

    /// Takes partitions back to their last commit in place, after their transaction was aborted.
    ///
    /// The group's committed offsets are asked for, since an abort may hide a commit that the broker has completed: then the
    /// messages must not be processed again.
    /// - Returns: those that could not be taken back: they have to be restored.
    func undo(_ tasks: [PartitionTask]) throws -> [TopicPartition] {
        guard !tasks.isEmpty else { return [] }
        let committed = Dictionary(
            uniqueKeysWithValues: try requests.committed(tasks.map(\.partition)).map { ($0.partition, $0) })
        return tasks.compactMap { task in
            let isUndone =
                task.isLastCommit(
                    committed[task.partition] ?? PartitionOffset(task.partition, offset: PartitionOffset.none))
                && task.rewind()
            reporter.rewound(task, isUndone: isUndone)
            return isUndone ? nil : task.partition
        }
    }

    /// Makes a partition's task and has its checkpoint read.
    /// - Returns: the offset to read from.
    private func makeTask(
        for committed: PartitionOffset, isNew: Bool, timeoutMilliseconds: Int
    ) throws -> PartitionOffset {
        let log = try requests.watermarks(of: committed.partition, timeoutMilliseconds: timeoutMilliseconds)
        let task = try makeTask(for: committed, log, isNew: isNew)
        let isPaused = registry.isPaused(task.partition)
        registry.stopWaiting(task.partition)
        registry.add(task)
        if isPaused { registry.notePaused([task.partition]) }
        reporter.assigned(task)
        // With a checkpoint it turns out later whether the log reaches back far enough.
        if case .loading = task.phase {
            return PartitionOffset(task.partition, offset: task.state.restoreEndOffset)
        }
        try restorer.checkLogReach(of: task, checkpointOffset: nil)
        return PartitionOffset(task.partition, offset: task.position)
    }

    private func makeTask(for committed: PartitionOffset, _ log: Watermarks, isNew: Bool) throws -> PartitionTask {
        let partition = committed.partition
        var restoreEndOffset = committed.offset
        var lost: LostOffset?
        if !(log.low...log.high).contains(committed.offset) {
            // A checkpoint tells how far the group was.
            restoreEndOffset = log.high
            lost = LostOffset(
                committed: committed.offset >= 0 ? committed.offset : nil, reset: resetOffset(log))
        }
        let restore = restorer.load(partition, upTo: restoreEndOffset)
        if restore == nil, let offset = lost {
            let decision = try offset.decide(partition, checkpointOffset: nil, policy: settings.whenOffsetsAreGone)
            if let warning = decision.warning { reporter.logger.warning("\(warning)") }
            (restoreEndOffset, lost) = (decision.offset, nil)
        }
        let state = PartitionState(
            topic: partition.topic, number: partition.partition, startOffset: log.low,
            restoreEndOffset: restoreEndOffset, timeToLiveDays: settings.timeToLiveDays,
            rescoring: settings.rescoring, note: CommitNote(committed.note),
            labelJoin: settings.isGrading
                ? pipeline.makeLabelJoin(windowDays: settings.gradingWindowDays, limit: settings.gradingLimit) : nil)
        return PartitionTask(
            partition: partition, state: state, logStartOffset: log.low, logEndOffset: log.high,
            partitionCount: partitionCount, lostOffset: lost, restore: restore, isAtStart: isNew,
            checkpoints: CheckpointHistory(notBefore: checkpointer.firstCheckpoint))
    }

    /// Where a group without an offset begins; `nil` where that is an error.
    private func resetOffset(_ log: Watermarks) -> Int64? {
        switch settings.kafkaProperties.offsetReset {
        case "latest", "largest", "end": log.high
        case "error": nil
        default: log.low
        }
    }
}
