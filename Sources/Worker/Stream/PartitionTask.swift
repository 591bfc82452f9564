import Kafka
import Pipeline

/// One assigned partition: what its messages have come to, and where it is in its life.
///
///     loading ──▶ positioning ──▶ replaying ──▶ live
///       │ ▲            └──────────────────────▶ ▲ │
///       └─┘ read again                           │ ▼
///                              replaying ◀── rewinding
///
///     replaying, live ──▶ awaitingSchema, rescoring ──▶ rewinding
///     every phase ──▶ closed
///
/// | from | to | who moves it |
/// |---|---|---|
/// | (made) | loading, or replaying or live where there is no store | `TaskFactory`; a fallback from undo begins positioning |
/// | loading | loading, positioning | `Restorer`, when the checkpoint has been read |
/// | positioning, rewinding | replaying, live | `Restorer`, when the consumer has been moved |
/// | replaying | live | `StreamThread.process`, when `restoreEndOffset` or the log's end is reached |
/// | replaying, live | rewinding | `StreamThread.rewind`, after an abort |
/// | replaying, live | awaitingSchema | `SourceBatch.fill`, at a message whose schema is not known |
/// | awaitingSchema | rewinding | `Restorer`, when the registry has answered; or after an abort |
/// | replaying, live | rescoring | `StreamThread.rescore`, where more customers are due than one turn may take |
/// | rescoring | rewinding | `StreamThread.rescore`, when nobody is due any more; or after an abort |
/// | any | closed | `PartitionRegistry.remove` |
///
/// Offsets are drawn at `PartitionState`.
final class PartitionTask {
    enum Phase {
        /// Its checkpoint is being read, and the consumer is paused.
        case loading(RestoreJob)
        /// Its checkpoint has been read; the consumer has to be moved to `position`.
        case positioning
        /// Messages up to `restoreEndOffset` rebuild state; nothing is published.
        case replaying
        /// Messages are scored and published.
        case live
        /// The next message is of a schema that the registry is being asked for, and the consumer is paused.
        case awaitingSchema(UInt32)
        /// Customers are being scored as of an instant of the schedule before the next message, and the consumer is paused.
        case rescoring
        /// Messages were undone or passed over; the consumer has to be moved back to `position`.
        case rewinding
        /// Released to another member, or with the thread.
        case closed
    }

    let partition: TopicPartition
    let state: PartitionState
    private(set) var phase: Phase
    /// The log's first offset, as far as is known.
    private(set) var logStartOffset: Int64
    /// The log's end when the partition was assigned.
    let logEndOffset: Int64
    /// Where the log was begun to be read: the checkpoint's offset, or the log's start.
    private(set) var restoreStartOffset: Int64
    /// Offset of the next message to process: what came of those below it has been handed to the producer.
    private(set) var position: Int64
    /// The log's end where the consumer has reached it: beyond `position` where the last offsets are no messages, such as the
    /// markers of transactions. It is shown, and never committed.
    private var reachedEndOffset: Int64 = 0
    /// What was published and is not committed.
    struct Uncommitted {
        /// Live messages processed.
        var messages = 0
        /// Predictions of the schedule's instants.
        var rescored = 0

        var isEmpty: Bool { messages == 0 && rescored == 0 }
    }

    /// Since the last commit.
    private(set) var uncommitted = Uncommitted()
    let assignedAt = ContinuousClock.now
    private var hasBeenLive = false
    /// When the log was begun to be read.
    private(set) var replayingSince: ContinuousClock.Instant?
    /// When it began to wait for a schema.
    private(set) var awaitingSince: ContinuousClock.Instant?
    /// How many partitions the topic had when the state was begun.
    private(set) var partitionCount: Int
    /// What the checkpointer knows of this partition.
    var checkpoints: CheckpointHistory
    /// Set where the group's offset is gone: its checkpoint decides where publishing begins.
    private(set) var lostOffset: LostOffset?

    /// - Parameters:
    ///   - partitionCount: of the topic.
    ///   - lostOffset: of a group whose offset is gone; `nil` where it is not.
    ///   - restore: reads the checkpoint; `nil` when there are none.
    ///   - isAtStart: whether the consumer is, or will be, where the log begins.
    init(
        partition: TopicPartition, state: PartitionState, logStartOffset: Int64, logEndOffset: Int64,
        partitionCount: Int = 0, lostOffset: LostOffset? = nil, restore: RestoreJob?, isAtStart: Bool,
        checkpoints: CheckpointHistory = CheckpointHistory(notBefore: .now)
    ) {
        self.lostOffset = lostOffset
        self.partitionCount = partitionCount
        self.partition = partition
        self.state = state
        self.logStartOffset = logStartOffset
        self.logEndOffset = logEndOffset
        self.checkpoints = checkpoints
        restoreStartOffset = state.stateOffset
        position = state.stateOffset
        phase = .positioning
        if let restore {
            phase = .loading(restore)
        } else if isAtStart {
            startReading()
        }
    }

    /// It is known now where publishing begins.
    func settle(restoreEndOffset: Int64) {
        state.settle(restoreEndOffset: restoreEndOffset)
        lostOffset = nil
    }

    // MARK: Phases

    /// Whether its messages are processed; in the other phases they are passed over.
    var takesMessages: Bool {
        switch phase {
        case .replaying, .live: true
        case .loading, .positioning, .awaitingSchema, .rescoring, .rewinding, .closed: false
        }
    }

    /// Whether customers are due, who come before its next message.
    var isRescoringDue: Bool {
        switch phase {
        case .replaying, .live, .rescoring: state.isRescoringDue
        case .loading, .positioning, .awaitingSchema, .rewinding, .closed: false
        }
    }

    /// Whether everything that was published before is in its state again.
    var isRestored: Bool {
        switch phase {
        case .live: true
        case .awaitingSchema, .rescoring, .rewinding: position >= state.restoreEndOffset
        case .loading, .positioning, .replaying, .closed: false
        }
    }

    /// Whether it waits for something other than messages.
    var isInTransition: Bool {
        switch phase {
        case .loading, .positioning, .rewinding: true
        case .replaying, .live, .awaitingSchema, .rescoring, .closed: false
        }
    }

    /// The number of the schema that it waits for.
    var awaitedSchema: UInt32? { if case .awaitingSchema(let number) = phase { number } else { nil } }

    /// Of what has to be read before it is live, the share that has been; 0...1.
    var restoredShare: Double {
        if isRestored { return 1 }
        guard case .replaying = phase else { return 0 }
        return Double(position - restoreStartOffset) / Double(max(state.restoreEndOffset - restoreStartOffset, 1))
    }

    private func move(to next: Phase) {
        let isAllowed =
            switch (phase, next) {
            case (.loading, .loading), (.loading, .positioning): true
            case (.positioning, .replaying), (.positioning, .live), (.replaying, .live): true
            case (.replaying, .rewinding), (.live, .rewinding): true
            case (.replaying, .awaitingSchema), (.live, .awaitingSchema), (.awaitingSchema, .rewinding): true
            case (.replaying, .rescoring), (.live, .rescoring), (.rescoring, .rewinding): true
            // Aborted again before the consumer could be moved.
            case (.rewinding, .rewinding): true
            case (.rewinding, .replaying), (.rewinding, .live): true
            case (.closed, .closed): false
            case (_, .closed): true
            default: false
            }
        precondition(isAllowed, "\(partition) cannot go from \(phase) to \(next)")
        phase = next
    }

    // MARK: Restoring

    /// Has the checkpoint read again, after an error that may pass.
    func loadAgain(_ job: RestoreJob) { move(to: .loading(job)) }

    /// Takes over what the checkpoint store has found.
    /// - Parameter decoderFingerprint: of how messages are understood now.
    func loaded(_ restored: RestoredState, decoderFingerprint: UInt64) {
        move(to: .positioning)
        checkpoints.lineage = restored.lineage
        guard let header = restored.header else {
            state.restore(restored.partition(decoderStartOffset: state.stateOffset), continuingAt: state.stateOffset)
            return
        }
        partitionCount = header.partitions ?? partitionCount
        checkpoints.last = CheckpointHistory.Checkpoint(offset: header.offset, bytes: restored.bytes)
        // What the state holds stays as it was understood when the checkpoint was taken.
        let isSameDecoder = header.decoderFingerprint == decoderFingerprint
        start(at: max(header.offset, logStartOffset))
        state.restore(
            restored.partition(decoderStartOffset: isSameDecoder ? header.decodedFrom : header.offset),
            continuingAt: position)
    }

    /// Notes where the log begins now; retention goes on while a checkpoint is read.
    func observed(logStartOffset: Int64) { self.logStartOffset = logStartOffset }

    /// Goes on without the messages that have been cut from the log.
    func skipLostMessages() {
        state.skipLostMessages(upTo: max(restoreStartOffset, logStartOffset))
        start(at: state.stateOffset)
    }

    private func start(at offset: Int64) {
        restoreStartOffset = offset
        position = offset
    }

    /// The consumer is where `position` says.
    /// - Returns: whether the partition is live for the first time.
    @discardableResult
    func startReading() -> Bool {
        if case .rewinding = phase {} else { replayingSince = .now }
        move(to: position < state.restoreEndOffset ? .replaying : .live)
        return becameLive()
    }

    /// Whether it is live and has not been before.
    private func becameLive() -> Bool {
        guard case .live = phase, !hasBeenLive else { return false }
        hasBeenLive = true
        return true
    }

    // MARK: Processing

    /// Notes that what came of the messages that the state holds has been handed to the producer.
    /// - Parameter live: how many of them nothing had been published of before.
    /// - Returns: whether the partition is live for the first time.
    func processed(live: Int) -> Bool {
        position = max(position, state.stateOffset)
        uncommitted.messages += live
        if case .replaying = phase, position >= state.restoreEndOffset { move(to: .live) }
        return becameLive()
    }

    /// Processes no further messages until the registry has answered.
    func awaitSchema(_ number: UInt32) {
        awaitingSince = .now
        move(to: .awaitingSchema(number))
    }

    /// Customers were scored without an event.
    /// - Parameter published: how many of them are in the open transaction.
    func rescored(published: Int) { uncommitted.rescored += published }

    /// More customers are due than one turn may take: processes no further messages until they are done.
    func awaitRescoring() {
        if case .rescoring = phase { return }
        move(to: .rescoring)
    }

    /// Nobody is due any more: the messages that were passed over are read again.
    func endRescoring() { if case .rescoring = phase { readAgain() } }

    /// The registry has answered: the messages that were passed over are read again.
    func readAgain() {
        reachedEndOffset = 0
        move(to: .rewinding)
    }

    /// The consumer has reached the log's end.
    /// - Parameter offset: behind the last of what can be read.
    /// - Returns: whether the partition is live for the first time.
    func reachedEnd(_ offset: Int64) -> Bool {
        guard takesMessages else { return false }
        reachedEndOffset = max(reachedEndOffset, offset)
        // What is missing up to there has no messages.
        if case .replaying = phase, offset >= state.restoreEndOffset { move(to: .live) }
        return becameLive()
    }

    /// Offset of the next message that can come.
    var nextOffset: Int64 { max(position, reachedEndOffset) }

    /// Notes that a commit covered so much.
    func committed(_ covered: Uncommitted) {
        uncommitted.messages -= covered.messages
        uncommitted.rescored -= covered.rescored
    }

    /// Whether an aborted transaction leaves something of it in the state.
    var hasUncommittedState: Bool {
        !uncommitted.isEmpty || position != state.stateOffset || state.isRescoredSinceUndoPoint
    }

    /// Whether an offset is the one that `rewind` leads back to, as far as the group is concerned.
    /// - Parameter committed: the group's; a group that has committed nothing has no offset.
    func isLastCommit(_ committed: PartitionOffset) -> Bool {
        guard committed.offset >= 0, let undoOffset = state.undoOffset else { return true }
        return committed.offset == max(undoOffset, state.restoreEndOffset)
            && state.isUndoneTo(CommitNote(committed.note))
    }

    /// Takes back what was not committed.
    /// - Returns: false when that cannot be: the partition has to be restored.
    func rewind() -> Bool {
        guard let offset = state.undo() else { return false }
        reachedEndOffset = 0
        position = offset
        uncommitted = Uncommitted()
        move(to: .rewinding)
        return true
    }

    /// Ends its life. What is still read for it is cancelled.
    func close() {
        if case .loading(let job) = phase { job.cancel() }
        move(to: .closed)
    }
}

/// What the checkpointer knows of a partition's checkpoints.
struct CheckpointHistory {
    struct Checkpoint {
        let offset: Int64
        /// What has to be read to restore from it, bytes.
        let bytes: Int
    }

    /// The last one taken or restored from.
    var last: Checkpoint?
    /// No other before this.
    var notBefore: ContinuousClock.Instant
    var lineage = CheckpointLineage()

    init(notBefore: ContinuousClock.Instant) { self.notBefore = notBefore }
}
