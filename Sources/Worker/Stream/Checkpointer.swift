import Customers
import Events
import Kafka
import Pipeline

/// Takes checkpoints, one partition at a time, in slices between batches.
package final class Checkpointer {
    /// Bytes of a checkpoint written at once.
    package static let sliceBytes = 64 << 10
    /// Where little comes in, a checkpoint after so long, so that retention does not overtake the last one.
    private static let stalePause = Duration.seconds(3600)

    /// A checkpoint under way.
    private struct Run {
        let task: PartitionTask
        let writer: any CheckpointWriter
        let offset: Int64
        let isFull: Bool
        let started = ContinuousClock.now
        var isWritten = false
    }

    private let store: (any CheckpointStore)?
    private let registry: PartitionRegistry
    private let publisher: any CheckpointPublisher
    private let reporter: ThreadReporter
    private let decoderFingerprint: UInt64
    private let catalogue: SchemaCatalogue?
    private let timeToLiveDays: Int
    private let recoverySeconds: Double
    private var budget: RecoveryBudget
    private var run: Run?
    /// Records of a checkpoint have been published since the last commit.
    private(set) var hasUncommittedRecords = false
    /// After a failure no checkpoint begins before this; the pause doubles.
    private var notBefore = ContinuousClock.now
    private var failurePauseSeconds = 1.0
    /// The thread is leaving its group.
    private var isDraining = false

    /// - Parameters:
    ///   - store: `nil` when the log alone makes the state.
    ///   - publisher: where a store that lives in Kafka puts its records.
    init(
        settings: WorkerSettings, store: (any CheckpointStore)?, registry: PartitionRegistry,
        publisher: any CheckpointPublisher, reporter: ThreadReporter
    ) {
        self.store = store
        self.registry = registry
        self.publisher = publisher
        self.reporter = reporter
        decoderFingerprint = CheckpointHeader.decoderFingerprint(settings.events)
        catalogue = settings.events.catalogue
        timeToLiveDays = settings.timeToLiveDays
        recoverySeconds = settings.recoverySeconds
        budget = RecoveryBudget(seconds: settings.recoverySeconds)
    }

    /// When a partition that is assigned now may have its first checkpoint.
    var firstCheckpoint: ContinuousClock.Instant { .now + pause }

    /// Shortest time between a partition's checkpoints.
    private var pause: Duration { .seconds(recoverySeconds / 4) }

    var isRunning: Bool { run != nil }

    // MARK: When

    /// Whether a commit that waits for everything is needed: to begin a checkpoint, or to commit records of one.
    var needsCommit: Bool { hasUncommittedRecords || dueTask != nil }

    /// Of the partitions whose checkpoints are due, the one that would take longest to restore.
    private var dueTask: PartitionTask? {
        let now = ContinuousClock.now
        guard store != nil, run == nil, now >= notBefore else { return nil }
        let isAnyDue = isDraining || budget.isDue(messages: messagesBehind, checkpointBytes: checkpointBytes)
        return registry.tasks.filter { task in
            guard task.isRestored, task.takesMessages, !task.isRescoringDue, behind(task) > 0 else { return false }
            if isDraining { return true }
            return now >= task.checkpoints.notBefore && (isAnyDue || isDue(task, now))
        }.max { behind($0) < behind($1) }
    }

    /// Whether a checkpoint is due for the partition's own sake: more of the log lies behind the last one than before it, so
    /// that retention might cut the log before the next; or much time has passed.
    private func isDue(_ task: PartitionTask, _ now: ContinuousClock.Instant) -> Bool {
        let last = task.checkpoints.last?.offset ?? task.logStartOffset
        return behind(task) > last - task.logStartOffset || now >= task.checkpoints.notBefore + Self.stalePause
    }

    /// What would have to be replayed if the thread ended now.
    private var messagesBehind: Int64 { registry.tasks.reduce(0) { $0 + max(0, behind($1)) } }

    /// What would have to be read before that.
    private var checkpointBytes: Int { registry.tasks.reduce(0) { $0 + ($1.checkpoints.last?.bytes ?? 0) } }

    /// The thread is leaving its group: from now on a checkpoint is due wherever a message is behind the last one. One that
    /// fails is not tried again.
    func drain() { isDraining = true }

    /// Whether a last checkpoint is being taken or still to be.
    var isAtWork: Bool { run != nil || dueTask != nil }

    /// Whether the checkpoint under way has records to give.
    var isWriting: Bool { run.map { !$0.isWritten } ?? false }

    /// Messages since the last checkpoint.
    private func behind(_ task: PartitionTask) -> Int64 {
        task.position - (task.checkpoints.last?.offset ?? task.logStartOffset)
    }

    /// Begins a checkpoint where one is due, if everything that was processed is committed: then the state stands at the
    /// committed offset.
    func beginIfDue() {
        guard let store, !hasUncommittedRecords, registry.uncommitted.isEmpty, let task = dueTask else { return }
        let header = CheckpointHeader(
            of: task, decoderFingerprint: decoderFingerprint, timeToLiveDays: timeToLiveDays,
            schemas: catalogue?.latest ?? [])
        do {
            let lineage = task.checkpoints.lineage
            let writer = try store.begin(header, after: lineage, publisher: self)
            let isFull = !store.isIncremental || lineage.baseEpoch == nil
            task.state.beginSnapshot(isFull: isFull)
            run = Run(task: task, writer: writer, offset: task.position, isFull: isFull)
        } catch {
            failed(task, error)
        }
    }

    // MARK: Slices

    /// Goes on with the checkpoint under way for about a millisecond.
    /// - Returns: `false` when it has failed and left records in the open transaction, which has to be aborted then. They may be
    ///   what the broker refuses.
    /// - Throws: `KafkaError` when the client that its records go through is of no use any more.
    func advance() throws -> Bool {
        guard let run else { return true }
        let deadline = ContinuousClock.now + .milliseconds(1)
        do {
            while self.run?.isWritten == false, run.writer.isReady {
                try writeSlice(of: run)
                if ContinuousClock.now >= deadline { break }
            }
        } catch {
            return try discard(run, error)
        }
        switch run.writer.outcome {
        case nil: return true
        case .success(let receipt):
            finished(run, receipt)
            return true
        case .failure(let error): return try discard(run, error)
        }
    }

    private func writeSlice(of run: Run) throws {
        var records = ByteWriter()
        let isMore = try run.task.state.writeSnapshot(into: &records, bytes: Self.sliceBytes)
        if records.count > 0 { try run.writer.append(records.take()) }
        if isMore { return }
        try run.writer.finish()
        self.run?.isWritten = true
    }

    private func finished(_ run: Run, _ receipt: CheckpointReceipt) {
        self.run = nil
        failurePauseSeconds = 1
        let task = run.task
        // An incremental checkpoint is restored together with those before it.
        let earlierBytes = run.isFull ? 0 : task.checkpoints.last?.bytes ?? 0
        let bytes = earlierBytes + receipt.bytes
        task.checkpoints.last = CheckpointHistory.Checkpoint(offset: run.offset, bytes: bytes)
        task.checkpoints.lineage = receipt.lineage
        task.checkpoints.notBefore = .now + pause
        reporter.checkpointTaken(task, offset: run.offset, bytes: receipt.bytes, duration: .now - run.started)
        let recovery = budget.recovery(messages: 0, checkpointBytes: checkpointBytes)
        if recovery > recoverySeconds { reporter.recoveryIsTooSlow(task, seconds: recovery) }
    }

    /// The stream goes on; a later attempt may succeed.
    private func discard(_ run: Run, _ error: any Error) throws -> Bool {
        discardRun()
        failed(run.task, error)
        if let error = error as? KafkaError, error.isFatal { throw error }
        return !hasUncommittedRecords
    }

    private func failed(_ task: PartitionTask, _ error: any Error) {
        failurePauseSeconds = min(failurePauseSeconds * 2, max(recoverySeconds, 60))
        notBefore = .now + .seconds(failurePauseSeconds)
        reporter.checkpointFailed(task, error)
    }

    private func discardRun() {
        guard let run else { return }
        run.writer.discard()
        run.task.state.discardSnapshot()
        self.run = nil
    }

    // MARK: What happens around it

    /// A partition whose offset is to be committed with the records published since the last commit; `nil` without any.
    var taskOfUncommittedRecords: PartitionTask? {
        guard hasUncommittedRecords else { return nil }
        return run?.task ?? registry.tasks.first(where: \.isRestored)
    }

    /// Everything that was published is committed.
    func committed() {
        hasUncommittedRecords = false
        run?.writer.committed()
    }

    /// What was published since the last commit is taken back.
    func transactionAborted() {
        // Its records may be what the broker has refused.
        if let run, hasUncommittedRecords { failed(run.task, WorkerError("its transaction was aborted")) }
        discardRun()
        hasUncommittedRecords = false
    }

    /// A partition is released.
    func released(_ task: PartitionTask) { if run?.task === task { discardRun() } }

    // MARK: What it learns

    /// Messages were decoded and taken into state in so many seconds.
    func measured(messages: Int, seconds: Double) { budget.took(messages: messages, seconds: seconds) }

    /// A checkpoint of so many bytes was read in so many seconds.
    func measuredLoad(bytes: Int, seconds: Double) { budget.loaded(bytes: bytes, seconds: seconds) }

    /// A partition's log was read up to where it is live, fetching included.
    func measuredReplay(messages: Int64, seconds: Double) { budget.restored(messages: messages, seconds: seconds) }
}

extension Checkpointer: CheckpointPublisher {
    /// Notes that the open transaction holds records of a checkpoint, and publishes the record.
    package func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) throws {
        hasUncommittedRecords = true
        try publisher.publish(topic, partition: partition, key: key, value: value)
    }

    /// Messages that are not yet delivered.
    package var outstanding: Int { publisher.outstanding }
}
