import Foundation
import Kafka
import Pipeline

/// What a stream thread has to do after a step.
enum StreamAction {
    case proceed
    /// The transaction was aborted: take every partition back to its last commit before anything else.
    case rewind
}

/// Commits output records and input offsets together, and aborts what cannot be committed.
///
/// Why a commit belongs where it is:
///
/// - **At the interval.** Under exactly-once a transaction holds everything since the last commit; readers of committed
///   records see it when it ends. Under at-least-once the commit is asynchronous, so that no message waits for it.
/// - **In a revocation**, before the partitions are released. The offsets go to the broker with the group's metadata
///   (member and generation, KIP-447, Kafka 2.5). While the revocation is handled this member's generation is still the
///   current one, so that its offsets are accepted; once it has passed they are refused and the transaction is aborted. A
///   commit that cannot be completed in time is aborted, never left open: whoever owns the partition next would begin at the
///   old offsets and publish the same predictions, and a transaction committed after that would publish them twice.
///   The next owner cannot begin too early either: reading committed offsets waits until no transaction holds pending ones.
/// - **When partitions are lost**, everything is aborted: their new owner may already be at work.
/// - **After an abort** every partition that had uncommitted messages rewinds (`PartitionState.undo`), those that stay with
///   this member included: one transaction held the output of all of them.
final class CommitCoordinator {
    /// A commit that has been sent and not been answered.
    struct AsyncCommit {
        let pending: PendingCommit
        let begun: ContinuousClock.Instant
        /// The live messages that it covers.
        let covered: [(task: PartitionTask, uncommitted: PartitionTask.Uncommitted)]
    }

    /// How long past the interval an asynchronous commit may wait until every record is delivered. After that the commit is
    /// synchronous.
    private static let asyncCommitTimeout = Duration.milliseconds(100)
    private static let abortTimeoutMilliseconds = 30_000
    /// Aborts because of a record that the broker refuses for good, before the thread stops with that error.
    private static let refusalLimit = 5
    /// Longest pause after an abort, seconds: it delays the next poll.
    private static let longestPauseSeconds = 2.0

    private var state = CommitState<AsyncCommit>()
    private let commitProtocol: any CommitProtocol
    private let consumer: Consumer
    private let output: OutputWriter
    private let registry: PartitionRegistry
    private let checkpointer: Checkpointer
    private let reporter: ThreadReporter
    private let watch: ClusterWatch
    private let interval: Duration
    private let timeoutMilliseconds: Int
    private var lastCommit = ContinuousClock.now
    /// Since the last successful commit, whatever else was aborted between them.
    private var abortsInARow = 0
    private var refusalsInARow = 0

    init(
        settings: WorkerSettings, commitProtocol: any CommitProtocol, consumer: Consumer, output: OutputWriter,
        registry: PartitionRegistry, checkpointer: Checkpointer, reporter: ThreadReporter, watch: ClusterWatch
    ) {
        self.watch = watch
        self.commitProtocol = commitProtocol
        self.consumer = consumer
        self.output = output
        self.registry = registry
        self.checkpointer = checkpointer
        self.reporter = reporter
        interval = .milliseconds(settings.commitIntervalMilliseconds)
        // A commit under way when the worker is told to stop must not outlast the deadline by much.
        timeoutMilliseconds = max(5000, min(30_000, settings.shutdownMilliseconds))
    }

    /// Makes the states that a batch with live messages will change ready to be undone: a partition that has just become live has
    /// no undo point from a commit yet.
    func prepareUndo(of batch: borrowing SourceBatch) {
        guard commitProtocol.supportsAbort else { return }
        for run in batch.runs { prepareUndo(of: run.partition) }
    }

    /// Makes a state that is about to change ready to be undone.
    func prepareUndo(of partition: PartitionState) {
        if commitProtocol.supportsAbort, partition.undoOffset == nil { partition.setUndoPoint() }
    }

    // MARK: At the interval

    /// Commits when the interval has elapsed, asynchronously where that is possible; then begins a checkpoint if one is due.
    func commitIfDue() throws -> StreamAction {
        try finishAsyncCommit()
        let overdue = ContinuousClock.now - lastCommit - interval
        // A commit that nobody answers would only keep the stream from its group and from what it has.
        guard overdue >= .zero, state.mayCommit, !watch.isAway else { return state.mustRewind ? .rewind : .proceed }
        // A checkpoint is taken where everything is committed.
        if commitProtocol.supportsAsyncCommit, !checkpointer.needsCommit {
            if try state.asyncCommit == nil && commitAsync() { return .proceed }
            if overdue < Self.asyncCommitTimeout { return .proceed }
        }
        let action = try commit()
        if case .proceed = action { checkpointer.beginIfDue() }
        return action
    }

    /// - Returns: whether there is nothing more to do for this interval.
    private func commitAsync() throws -> Bool {
        let due = registry.uncommitted
        if due.isEmpty {
            lastCommit = .now
            return true
        }
        do throws(KafkaError) {
            let begun = ContinuousClock.now
            guard let pending = try commitProtocol.commitAsync(Self.offsets(of: due), of: consumer) else {
                return false
            }
            state.sent(AsyncCommit(pending: pending, begun: begun, covered: due.map { ($0, $0.uncommitted) }))
        } catch {
            _ = try failed(error)
        }
        lastCommit = .now
        return true
    }

    private func finishAsyncCommit() throws {
        guard let commit = state.asyncCommit, let outcome = commit.pending.outcome() else { return }
        switch outcome {
        case .success:
            state.clearAsyncCommit()
            committed(commit.covered, since: commit.begun)
        case .failure(let error): _ = try failed(error)
        }
    }

    // MARK: Now

    /// Commits everything that has been processed, and waits for it. An error that may pass leaves it for the next interval.
    /// - Throws: an error that waiting cannot mend; nothing is committed after it.
    func commit() throws -> StreamAction {
        lastCommit = .now
        guard state.mayCommit else { return state.mustRewind ? .rewind : .proceed }
        // The commit below covers the offsets of one that is under way, whose answer does not matter then.
        state.clearAsyncCommit()
        var due = registry.uncommitted
        // A transaction with checkpoint records alone must send an offset too: that makes the broker check our generation.
        if let task = checkpointer.taskOfUncommittedRecords, !due.contains(where: { $0 === task }) { due.append(task) }
        guard !due.isEmpty else { return .proceed }
        let timeout = state.deadline.map { max(0, Int(($0 - .now) / .milliseconds(1))) } ?? timeoutMilliseconds
        let begun = ContinuousClock.now
        do throws(KafkaError) {
            try commitProtocol.commit(Self.offsets(of: due), of: consumer, timeoutMilliseconds: timeout)
        } catch {
            return try failed(error)
        }
        committed(due.map { ($0, $0.uncommitted) }, since: begun)
        if commitProtocol.supportsAbort { for task in due { task.state.setUndoPoint() } }
        checkpointer.committed()
        return .proceed
    }

    /// Whether nothing can be committed any more.
    var isFinished: Bool { !state.mayCommit && !state.mustRewind }

    /// What was processed and is not committed: messages, or records of a checkpoint.
    var hasUncommitted: Bool {
        state.mayCommit && (!registry.uncommitted.isEmpty || checkpointer.hasUncommittedRecords)
    }

    private static func offsets(of tasks: [PartitionTask]) -> [PartitionOffset] {
        tasks.map { PartitionOffset($0.partition, offset: $0.position, note: $0.state.note.text) }
    }

    private func committed(
        _ covered: [(task: PartitionTask, uncommitted: PartitionTask.Uncommitted)], since begun: ContinuousClock.Instant
    ) {
        for (task, uncommitted) in covered { task.committed(uncommitted) }
        (abortsInARow, refusalsInARow) = (0, 0)
        reporter.committed(live: covered.reduce(0) { $0 + $1.uncommitted.messages }, duration: .now - begun)
    }

    private func failed(_ error: KafkaError) throws -> StreamAction {
        if !commitProtocol.supportsAbort, output.hasUndelivered {
            // Nothing can be taken back: new clients begin again at the committed offsets.
            let refusals = output.takeRefusals()
            if let unresolved = refusals.unresolved { throw unresolved }
            if let first = refusals.first {
                reporter.warn("a record is refused, and its message is processed once more", first)
                throw first.abandoned
            }
        }
        let action = state.failed(
            error, hasUndelivered: output.hasUndelivered, canAbort: commitProtocol.supportsAbort)
        switch action {
        case .commitLater:
            reporter.warn("commit put off", error)
            return .proceed
        case .abort: return try abort(because: error)
        case .stop: throw error
        }
    }

    // MARK: Abort

    /// Aborts the transaction because of an error in it, and pauses: longer each time until a commit succeeds again.
    /// - Throws: the broker's refusal of a record, if it has come too often in a row to be worth another attempt.
    func abort(because error: KafkaError) throws -> StreamAction {
        var refusals = output.takeRefusals()
        reporter.warn("transaction aborted", refusals.first ?? error)
        let action = try abort()
        // Others are reported while the transaction is aborted.
        refusals = refusals.followed(by: output.takeRefusals())
        if let unresolved = refusals.unresolved {
            refusalsInARow += 1
            if refusalsInARow == Self.refusalLimit { throw unresolved }
        }
        // What is not sent again as it is needs no longer pause each time.
        if refusals.areResolved { abortsInARow = 0 }
        Thread.sleep(forTimeInterval: min(0.05 * pow(2, Double(abortsInARow)), Self.longestPauseSeconds))
        abortsInARow += 1
        return action
    }

    /// Aborts what is not committed. Under at-least-once nothing is taken back: whoever owns the partitions next processes
    /// them again from the last committed offsets.
    func abort() throws -> StreamAction {
        if state.mustRewind { return .rewind }
        state.clearAsyncCommit()
        checkpointer.transactionAborted()
        guard commitProtocol.supportsAbort else { return .proceed }
        try commitProtocol.abort(
            timeoutMilliseconds: state.deadline == nil ? Self.abortTimeoutMilliseconds : timeoutMilliseconds)
        output.aborted()
        reporter.transactionAborted()
        return state.aborted() ? .rewind : .proceed
    }

    /// Every partition is back at its last commit.
    func rewound() { state.rewound() }

    // MARK: The end

    /// The thread leaves its group: from now on only commits are to come, until the deadline.
    func drain(until deadline: ContinuousClock.Instant) { state.drain(until: deadline) }

    /// Something could not be published: nothing is committed any more, closing the consumer included.
    func finish() {
        // The broker aborts it when the next producer of this name comes, or after its timeout.
        if commitProtocol.supportsAbort, !registry.uncommitted.isEmpty || checkpointer.hasUncommittedRecords {
            reporter.transactionAborted()
        }
        state.finish()
    }

    // MARK: Rebalances

    /// Commits before partitions are released, or aborts.
    func beforeRevocation(of partitions: [TopicPartition]) throws {
        do {
            _ = try commit()
        } catch {
            // Whoever owns the partitions next must not wait for this transaction to time out.
            try? commitProtocol.abort(timeoutMilliseconds: timeoutMilliseconds)
            throw error
        }
        let isLeftOver =
            checkpointer.hasUncommittedRecords
            || partitions.contains { !(registry[$0.partition]?.uncommitted.isEmpty ?? true) }
        if state.mayCommit, isLeftOver { _ = try abort() }
    }

    /// Aborts, since partitions belong to somebody else already.
    func afterLoss() throws { if state.mayCommit { _ = try abort() } }
}
