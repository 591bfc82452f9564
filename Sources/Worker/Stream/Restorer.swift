import Customers
import Foundation
import Kafka

/// Restores partitions: has the newest valid checkpoint read, then moves the consumer to where it ends. The log from there
/// to the committed offset comes through the stream like all messages.
final class Restorer {
    /// Checkpoints that are read at once; each is held in memory twice until its partition takes it over.
    private static let concurrentLoads = 2

    private let settings: WorkerSettings
    private let store: (any CheckpointStore)?
    private let consumer: Consumer
    private let requests: AssignmentRequests
    private let registry: PartitionRegistry
    private let checkpointer: Checkpointer
    private let reporter: ThreadReporter
    private let queue: OperationQueue
    private let decoderFingerprint: UInt64
    /// While checkpoints are being read, those that have been read wait so long for others to be moved with them: a seek takes
    /// as long as a fetch may wait, for one partition as for many.
    private static let seekPause = Duration.milliseconds(250)
    private var nextSeek: ContinuousClock.Instant?
    /// Partitions that are replayed side by side share the thread: what they take is measured together.
    private var replay: (since: ContinuousClock.Instant, messages: Int64)?

    /// - Parameter store: `nil` when the log alone makes the state.
    init(
        settings: WorkerSettings, store: (any CheckpointStore)?, consumer: Consumer, requests: AssignmentRequests,
        registry: PartitionRegistry, checkpointer: Checkpointer, reporter: ThreadReporter
    ) {
        self.settings = settings
        self.store = store
        self.consumer = consumer
        self.requests = requests
        self.registry = registry
        self.checkpointer = checkpointer
        self.reporter = reporter
        decoderFingerprint = CheckpointHeader.decoderFingerprint(settings.events)
        queue = OperationQueue()
        queue.maxConcurrentOperationCount = Self.concurrentLoads
        queue.qualityOfService = .userInitiated
    }

    // MARK: Checkpoints

    /// Begins to read a partition's newest valid checkpoint.
    /// - Parameter committed: a state beyond this offset is of no use.
    /// - Returns: `nil` when there is no store.
    func load(_ partition: TopicPartition, upTo committed: Int64) -> RestoreJob? {
        // Also for a log without messages: a checkpoint may come from elsewhere, as those for new partitions do.
        guard let store else { return nil }
        let timeToLiveDays = settings.timeToLiveDays
        let logger = reporter.logger
        let log = LogReader(properties: settings.kafkaProperties.checkpointReader)
        return RestoreJob(on: queue) { progress in
            try store.restore(
                RestoreRequest(
                    partition: partition, committed: committed, timeToLiveDays: timeToLiveDays,
                    isOfThisLog: { try log.has($0, in: partition) }, progress: progress,
                    warn: { logger.warning("\($0)") }))
        }
    }

    /// Keeps the consumer from fetching partitions whose checkpoints are being read, and those that wait for a leader.
    func pauseWaiting() throws(KafkaError) {
        let loading = registry.tasks.filter { task in
            switch task.phase {
            case .loading, .awaitingSchema, .rescoring: true
            case .positioning, .replaying, .live, .rewinding, .closed: false
            }
        }.map(\.partition)
        let waiting = (loading + registry.waiting.map(\.partition)).filter { !registry.isPaused($0) }
        if waiting.isEmpty { return }
        try consumer.pause(waiting)
        registry.notePaused(waiting)
    }

    /// Goes on with partitions whose checkpoints have been read, and with those that rewind.
    /// - Throws: `WorkerError` when a state cannot be restored and the policy is to stop.
    func advance() throws {
        for task in registry.tasks { if let schema = task.awaitedSchema { ask(for: schema, task) } }
        guard registry.isInTransition else { return }
        for task in registry.tasks {
            guard case .loading(let job) = task.phase, let result = job.take() else { continue }
            do {
                try take(result.get(), for: task, seconds: job.seconds)
            } catch let error as KafkaError where error.remedy == .retry && !requests.isCancelled {
                reporter.warn("checkpoint is read again", error)
                if let job = load(task.partition, upTo: task.state.restoreEndOffset) { task.loadAgain(job) }
            }
        }
        try moveConsumer()
    }

    /// Goes on with a partition that waits for a schema, as soon as the registry has said that it has it or that it has not.
    private func ask(for schema: UInt32, _ task: PartitionTask) {
        guard case .awaited(let reason) = settings.events.catalogue?.lookup(schema) else { return task.readAgain() }
        reporter.waitsForSchema(task, reason: reason ?? "schema \(schema) is being asked for")
    }

    private func take(_ restored: RestoredState, for task: PartitionTask, seconds: Double) throws {
        // Retention may have moved on while the checkpoint was being read.
        let log = try requests.watermarks(of: task.partition)
        task.observed(logStartOffset: log.low)
        let restored = try settled(restored, for: task)
        settings.events.catalogue?.adopt(restored.header?.schemas ?? [])
        task.loaded(restored, decoderFingerprint: decoderFingerprint)
        try checkLogReach(of: task, checkpointOffset: restored.header?.offset)
        checkpointer.measuredLoad(bytes: restored.bytes, seconds: seconds)
        reporter.checkpointRead(
            task, restored.header, hasOtherDecoder: restored.header?.decoderFingerprint != decoderFingerprint)
    }

    /// Decides where publishing begins, for a group whose offset is gone.
    /// - Returns: the state to begin with: none where publishing begins before the checkpoint.
    private func settled(_ restored: RestoredState, for task: PartitionTask) throws(WorkerError) -> RestoredState {
        guard let lost = task.lostOffset else { return restored }
        let decision = try lost.decide(
            task.partition, checkpointOffset: restored.header?.offset, policy: settings.whenOffsetsAreGone)
        if let warning = decision.warning { reporter.logger.warning("\(warning)") }
        task.settle(restoreEndOffset: decision.offset)
        guard let header = restored.header, header.offset > decision.offset else { return restored }
        return RestoredState(
            header: nil, table: CustomerTable(timeToLiveDays: settings.timeToLiveDays),
            lineage: CheckpointLineage(ownerEpoch: restored.lineage.ownerEpoch, baseEpoch: nil))
    }

    /// Applies the policy for a log that no longer reaches back to what the state lacks.
    /// - Parameter checkpointOffset: up to where a checkpoint has it; `nil` without one.
    /// - Throws: `WorkerError` when the policy is to stop.
    func checkLogReach(of task: PartitionTask, checkpointOffset: Int64?) throws(WorkerError) {
        guard task.logStartOffset > (checkpointOffset ?? 0) else { return }
        let what =
            "\(task.partition): the log begins at offset \(task.logStartOffset), and "
            + (checkpointOffset.map { "the newest usable checkpoint ends at \($0)" }
                ?? "there is no usable checkpoint")
            + ": the customers' earlier events are lost"
        switch settings.whenLogIsCut {
        case .fail:
            throw WorkerError(
                "\(what). Bring a checkpoint or the log back, or set recovery.when_log_is_cut: continue to go on with "
                    + "every prediction of this partition marked as state_incomplete")
        case .continue:
            task.skipLostMessages()
            reporter.logger.error("\(what); its predictions are marked as state_incomplete")
        }
    }

    // MARK: The consumer's position

    /// Moves the consumer to where partitions go on, all of them in one request.
    private func moveConsumer() throws(KafkaError) {
        let waiting = registry.tasks.filter { task in
            switch task.phase {
            case .positioning, .rewinding: true
            case .loading, .replaying, .live, .awaitingSchema, .rescoring, .closed: false
            }
        }
        guard !waiting.isEmpty, isSeekDue else { return }
        nextSeek = nil
        let failures: [TopicPartition: KafkaError]
        do throws(KafkaError) {
            let paused = waiting.map(\.partition).filter { registry.isPaused($0) }
            if !paused.isEmpty { try consumer.resume(paused) }
            registry.noteResumed(paused)
            failures = try consumer.seek(
                to: waiting.map { PartitionOffset($0.partition, offset: $0.position) },
                timeoutMilliseconds: AssignmentRequests.timeoutMilliseconds)
        } catch {
            return try waitOrThrow(error)
        }
        for task in waiting {
            if let error = failures[task.partition] {
                try waitOrThrow(error)
            } else {
                if task.startReading() { finished(task) }
            }
        }
    }

    private var isSeekDue: Bool {
        let isLoading = registry.tasks.contains { if case .loading = $0.phase { true } else { false } }
        let isRewinding = registry.tasks.contains { if case .rewinding = $0.phase { true } else { false } }
        let due = nextSeek ?? .now + Self.seekPause
        nextSeek = due
        return !isLoading || isRewinding || ContinuousClock.now >= due
    }

    /// Not yet fetched, or not ours any more: the next round, or the rebalance that follows, decides.
    private func waitOrThrow(_ error: KafkaError) throws(KafkaError) {
        guard error.remedy != .fatal || error.isWrongState else { throw error }
        reporter.warn("partition waits", error)
    }

    /// A partition's state is complete.
    func finished(_ task: PartitionTask) {
        let since = task.replayingSince ?? .now
        let total = (
            since: min(replay?.since ?? since, since),
            messages: (replay?.messages ?? 0) + task.state.restoreEndOffset - task.restoreStartOffset
        )
        replay = total
        if registry.tasks.allSatisfy(\.isRestored) {
            checkpointer.measuredReplay(
                messages: total.messages, seconds: (ContinuousClock.now - total.since) / .seconds(1))
            replay = nil
        }
        reporter.restored(task)
    }
}
