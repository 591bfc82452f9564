import Customers
import Events
import Monitoring

/// What one partition's messages have come to: its customers, its label join, and how far both are.
///
/// A function of the partition's messages alone. It knows no Kafka, so that a topic, a file or a test can drive it. Owned by
/// one thread.
///
/// The offsets of a partition, on the axis of its log:
///
///     log start    checkpoint     restore end       undo point     state       log end
///         │            │               │                 │            │            │
///     ────┼────────────┼───────────────┼─────────────────┼────────────┼────────────┼──▶
///                      └── replayed ───┴── committed ────┴─ not yet ──┘
///                          into state,     and             committed
///                          nothing         published
///                          published
///
/// - `restoreEndOffset`: messages below it have been published before; they only rebuild state.
/// - `undoOffset`: `undo` brings the state back to here: the last commit, or where the partition became live.
/// - `stateOffset`: the state holds every message below it.
///
/// `PartitionTask` knows the others, which are Kafka's: the log's ends, the checkpoint's offset, and `position`, up to which
/// the records of the messages have been handed to the producer.
package final class PartitionState {
    /// The topic whose partition this is; empty where there is none.
    package let topic: String
    /// The partition's number.
    package let number: Int32
    /// The customers of the partition.
    package internal(set) var table: CustomerTable
    /// `nil` when predictions are not joined with their labels.
    package internal(set) var labelJoin: LabelJoin?

    /// Offset of the first message to publish a prediction for.
    package private(set) var restoreEndOffset: Int64
    /// The state holds every message below this offset.
    package private(set) var stateOffset: Int64
    /// First offset that was decoded as the decoder does now. If a redriven message's original lies at or beyond it, the
    /// original is in the state already.
    package private(set) var decoderStartOffset: Int64
    /// Events that are missing from the state; `nil` where none are.
    package private(set) var gap: StateGap?
    /// The latest message that the state holds; `nil` before there is one.
    package private(set) var mark: LogMark?
    /// Which models have scored its messages.
    package private(set) var models: ModelHistory
    private var scoredBy: ScoringModel?
    /// Whether `models` has the model that scores now, as one that publishes.
    private var isLiveNoted = false
    /// When customers are scored without an event, and how far that has come; `nil` where they are not.
    package private(set) var rescoring: RescoringSchedule?
    /// What an earlier owner had published of the instants that are met while state is restored: all before this, and all where
    /// it is `nil`.
    let rescored: RescoringSchedule.Cursor?
    /// Whether the label join has not seen the predictions of the instants that are due.
    private(set) var joinsRescored = false
    /// The customers of the instant that is due.
    var dueCustomers: DueCustomers?
    let timeToLiveDays: Int
    /// Why the label join of the checkpoint was not taken over.
    package private(set) var labelJoinError: StateError?
    /// By customer, the offset up to which a restored state holds messages, where that is beyond the checkpoint's own.
    private var perKeyOffsets: [[UInt8]: Int64] = [:]
    private var undoPoint: UndoPoint?

    /// What `undo` needs beside the logs that table and label join keep.
    private struct UndoPoint {
        let offset: Int64
        let gap: StateGap?
        let mark: LogMark?
        let note: CommitNote
        let rescoring: RescoringSchedule?
        let perKeyOffsets: [[UInt8]: Int64]
    }

    /// An empty state at the start of a partition's log.
    /// - Parameters:
    ///   - startOffset: of the first message that it will be given.
    ///   - restoreEndOffset: of the first message to publish a prediction for.
    ///   - rescoring: when customers are scored without an event.
    ///   - note: what is known of the messages before `restoreEndOffset`.
    package init(
        topic: String, number: Int32, startOffset: Int64, restoreEndOffset: Int64, timeToLiveDays: Int,
        rescoring: RescoringSchedule? = nil, note: CommitNote = CommitNote(), labelJoin: LabelJoin?
    ) {
        models = note.models
        self.rescoring = rescoring
        rescored = note.rescored
        self.topic = topic
        self.number = number
        self.restoreEndOffset = restoreEndOffset
        self.labelJoin = labelJoin
        self.timeToLiveDays = timeToLiveDays
        table = CustomerTable(timeToLiveDays: timeToLiveDays)
        stateOffset = startOffset
        decoderStartOffset = startOffset
    }

    /// An empty state of something that has no log, such as a history file. Everything is live.
    package convenience init(timeToLiveDays: Int, rescoring: RescoringSchedule? = nil) {
        self.init(
            topic: "", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: timeToLiveDays,
            rescoring: rescoring, labelJoin: nil)
    }

    // MARK: Restoring

    /// Decides where publishing begins, where that could not be told before a checkpoint was read. Before anything is restored.
    package func settle(restoreEndOffset offset: Int64) { restoreEndOffset = offset }

    /// Takes over the state that a checkpoint holds.
    /// - Parameters:
    ///   - checkpoint: what was read.
    ///   - offset: the first message that is to follow.
    package func restore(_ checkpoint: RestoredPartition, continuingAt offset: Int64) {
        table = checkpoint.table
        perKeyOffsets = checkpoint.perKeyOffsets
        decoderStartOffset = checkpoint.decoderStartOffset
        gap = checkpoint.gap
        mark = checkpoint.mark
        labelJoinError = restoreLabelJoin(checkpoint)
        scoredBy = nil
        stateOffset = offset
        rescoring?.restore(checkpoint.rescored, clock: table.clock.time)
        (joinsRescored, dueCustomers) = (false, nil)
        undoPoint = nil
    }

    /// A damaged label join, or one of another stretch of the log, is worth less than the stream: it begins anew.
    private func restoreLabelJoin(_ checkpoint: RestoredPartition) -> StateError? {
        guard labelJoin != nil, !checkpoint.labelJoinRecords.isEmpty else { return nil }
        do throws(StateError) {
            try labelJoin?.restore(checkpoint.labelJoinRecords, atLeastUpTo: checkpoint.offset)
            return nil
        } catch {
            return error
        }
    }

    /// Goes on at a later offset, without the messages that have been cut from the log.
    package func skipLostMessages(upTo offset: Int64) {
        gap = StateGap()
        stateOffset = max(stateOffset, offset)
    }

    /// A history has been taken in, and the partition's log goes on behind it.
    /// - Parameters:
    ///   - offset: of the log's first message that the state does not hold.
    ///   - mark: a message by which the log is known again.
    package func goOn(at offset: Int64, mark: LogMark?) {
        (stateOffset, decoderStartOffset, self.mark) = (offset, offset, mark)
    }

    // MARK: Taking messages in

    /// Whether a customer's restored state holds this message already.
    func isInRestoredState(_ offset: Int64, of customerID: UnsafeRawBufferPointer) -> Bool {
        guard !perKeyOffsets.isEmpty, let upTo = perKeyOffsets[Array(customerID)] else { return false }
        return offset < upTo
    }

    /// Whether the state holds the message that this one redrives.
    @inline(__always)
    func holdsOriginal(of message: SourceMessage) -> Bool {
        guard let original = message.originalOffset else { return false }
        return RedrivenMessage.isInLog(original, before: message.offset, from: decoderStartOffset)
    }

    /// A message was refused for what a registry had answered: brought back, it is not in the state.
    func couldNotRead(_ offset: Int64) { decoderStartOffset = max(decoderStartOffset, offset + 1) }

    /// Whether events are missing from the state.
    package var isIncomplete: Bool { gap != nil }

    /// Whether events of this customer's may be missing from the state.
    package func isComplete(_ state: CustomerState) -> Bool {
        state.lifetime.firstEventTime >= completeFrom(clock: table.clock.time)
    }

    /// Customers who came at this time or later lack nothing.
    @inline(__always)
    func completeFrom(clock: Int64) -> Int64 {
        guard let gap else { return .min }
        return gap.completeFrom(clock: clock, timeToLiveDays: timeToLiveDays)
    }

    /// These models score these messages: predictions that are joined, and published where they are live, are its own.
    @inline(__always)
    func isScored(by model: ScoringModel, _ offsets: ClosedRange<Int64>) {
        let isLive = offsets.upperBound >= restoreEndOffset
        if scoredBy === model, isLiveNoted || !isLive { return }
        scoredBy = model
        labelJoin?.use(model.labelJoinVersions)
        isLiveNoted = isLive
        if isLive { models.use(model.mixText, from: max(offsets.lowerBound, restoreEndOffset)) }
    }

    /// The next event to be taken in, before it is.
    func meets(eventTime: Int64) {
        if gap != nil { gap?.met(eventTime: eventTime, clock: table.clock.time) }
    }

    /// Notes that the state holds all messages below an offset.
    /// - Parameter mark: the last of them; `nil` where there was none, or it cannot be told.
    func took(upTo offset: Int64, mark: LogMark? = nil) {
        stateOffset = offset
        if let mark { self.mark = mark }
        if let gap, gap.isOver(clock: table.clock.time, timeToLiveDays: timeToLiveDays) { self.gap = nil }
        // Behind the restore end nothing is met a second time.
        if offset >= restoreEndOffset, !perKeyOffsets.isEmpty { perKeyOffsets = [:] }
        rescoring?.observe(clock: table.clock.time)
    }

    // MARK: The schedule

    /// Whether customers are due: they come before the next message.
    @inline(__always)
    package var isRescoringDue: Bool { rescoring?.isDue(clock: table.clock.time) ?? false }

    /// What is to be committed with the offset behind the messages that the state holds.
    package var note: CommitNote {
        CommitNote(models: models, rescored: isRescoringDue ? rescoring?.cursor : nil)
    }

    /// Messages have been taken in, which the label join has not seen yet, and customers who are due may follow.
    /// - Parameters:
    ///   - last: the last of them.
    ///   - offset: behind it.
    ///   - schedule: as the messages have begun it.
    func took(_ last: SourceMessage, upTo offset: Int64, _ schedule: RescoringSchedule?) {
        rescoring = schedule
        joinsRescored = labelJoin.map { last.offset >= $0.nextOffset } ?? false
        took(
            upTo: offset,
            mark: LogMark(
                offset: last.offset, timestampMilliseconds: last.timestampMilliseconds, value: last.value))
    }

    /// All customers of the buckets before this one are done.
    func rescored(toBucket bucket: Int) { rescoring?.advance(toBucket: bucket) }

    // MARK: Undo

    /// The offset that `undo` leads back to; `nil` where nothing can be undone.
    package var undoOffset: Int64? { undoPoint?.offset }

    /// Whether customers have been scored since the undo point, also where what came of it could not be handed on.
    package var isRescoredSinceUndoPoint: Bool { undoPoint.map { $0.rescoring != rescoring } ?? false }

    /// Whether `undo` leads back to what was committed with a note, as far as the schedule is concerned.
    package func isUndoneTo(_ note: CommitNote) -> Bool {
        undoPoint?.note.rescored == note.rescored
    }

    /// Makes the present state the one that `undo` leads back to: what it holds is committed.
    /// - Complexity: O(changes since the last call).
    package func setUndoPoint() {
        undoPoint = UndoPoint(
            offset: stateOffset, gap: gap, mark: mark, note: note, rescoring: rescoring,
            perKeyOffsets: perKeyOffsets)
        table.setUndoPoint()
        labelJoin?.setUndoPoint()
    }

    /// Takes back every message since `setUndoPoint`, so that they can be processed again.
    /// - Returns: the offset of the first of them; `nil` when it could not be done: the state is then of no use.
    /// - Complexity: O(changes since `setUndoPoint`).
    package func undo() -> Int64? {
        guard let point = undoPoint else { return nil }
        undoPoint = nil
        guard table.undo(), labelJoin?.undo() ?? true else { return nil }
        stateOffset = point.offset
        (gap, mark, models) = (point.gap, point.mark, point.note.models)
        (rescoring, dueCustomers) = (point.rescoring, nil)
        (scoredBy, isLiveNoted) = (nil, false)
        perKeyOffsets = point.perKeyOffsets
        setUndoPoint()
        return point.offset
    }

    // MARK: Snapshots

    /// Begins a snapshot of the state as it stands, for a checkpoint.
    /// - Parameter isFull: whether it holds everything, or what has changed since the snapshot before.
    package func beginSnapshot(isFull: Bool) {
        labelJoin?.beginSnapshot(isFull: isFull, upTo: stateOffset)
        table.beginSnapshot(isFull ? .everything : .changes)
    }

    /// Appends further records of the snapshot, the label join's before the customers'.
    /// - Parameter limit: stops when the writer holds so many bytes.
    /// - Returns: whether there is more to come.
    /// - Throws: `StateError` when the snapshot has been discarded because it was written too slowly.
    package func writeSnapshot(into writer: inout ByteWriter, bytes limit: Int) throws(StateError) -> Bool {
        while writer.count < limit, let record = labelJoin?.nextRecord() {
            SnapshotRecord.append(labelJoin: record.number, record.bytes, to: &writer)
        }
        if writer.count >= limit { return true }
        return try table.writeSnapshot(into: &writer, bytes: limit)
    }

    /// Ends a snapshot that will not be finished.
    package func discardSnapshot() {
        labelJoin?.discardSnapshot()
        table.discardSnapshot()
    }
}

/// What a checkpoint holds of a partition.
package struct RestoredPartition: Sendable {
    /// The customers, who hold every message below `offset`.
    package let table: CustomerTable
    /// Offset of the first message that the state does not hold.
    package let offset: Int64
    /// See `PartitionState.decoderStartOffset`.
    package let decoderStartOffset: Int64
    /// Events that are missing from the state.
    package let gap: StateGap?
    /// The latest message that it holds; `nil` where that is not known.
    package let mark: LogMark?
    /// Customers whose states hold messages up to an offset beyond `offset`.
    package let perKeyOffsets: [[UInt8]: Int64]
    /// The label join's records by number; none if it was not kept.
    package let labelJoinRecords: [UInt64: [UInt8]]
    /// How far the schedule was; `nil` where there was none.
    package let rescored: RescoringSchedule.Cursor?

    /// What was read, property by property.
    package init(
        table: CustomerTable, offset: Int64, decoderStartOffset: Int64, gap: StateGap?, mark: LogMark?,
        perKeyOffsets: [[UInt8]: Int64], labelJoinRecords: [UInt64: [UInt8]],
        rescored: RescoringSchedule.Cursor? = nil
    ) {
        self.rescored = rescored
        self.table = table
        self.offset = offset
        self.decoderStartOffset = decoderStartOffset
        self.gap = gap
        self.mark = mark
        self.perKeyOffsets = perKeyOffsets
        self.labelJoinRecords = labelJoinRecords
    }
}
