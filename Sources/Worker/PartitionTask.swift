import Customers
import Kafka
import Monitoring

/// One assigned partition: its customers, and how far they have been brought.
///
/// It begins with a checkpoint being read, then takes in the log up to the committed offset, publishing nothing, and is
/// live from there on.
final class PartitionTask {
    enum Phase: Equatable {
        /// The checkpoint is being read; the partition is paused.
        case loading
        /// It has been read; the consumer has still to be taken to where it ends.
        case seeking
        case running
    }

    let partition: TopicPartition
    private(set) var phase: Phase
    var table: CustomerTable
    /// Offset of the first message to publish a prediction for; those before only rebuild state.
    let liveFrom: Int64
    /// The log's first offset, as far as is known.
    var logStart: Int64
    /// Offset behind the last message processed.
    private(set) var next: Int64
    /// Offset behind the last message that the state has taken in.
    private(set) var takenUpTo: Int64
    /// Live messages processed since the last commit.
    private(set) var uncommitted = 0
    /// Offset at which the log was begun to be read.
    private(set) var start: Int64
    /// Offset from which on the state was made of messages as they are understood now. One that was no event before and
    /// is driven again counts only if the original lies before this: later originals are in the state already.
    private(set) var decodedFrom: Int64
    /// Events are missing from the state: the log had been cut.
    private(set) var isIncomplete = false
    /// Why the graded predictions of the checkpoint were not taken over.
    private(set) var gradingError: StateError?
    /// Customers whose restored states hold messages up to these offsets.
    private(set) var ahead: [[UInt8]: Int64] = [:]
    /// The checkpoint being read.
    private(set) var restore: RestoreJob?
    let assigned = ContinuousClock.now
    private(set) var running: ContinuousClock.Instant?
    /// Offset and size of the last checkpoint, and when there may be another.
    var checkpoint: (offset: Int64, bytes: Int)?
    var nextCheckpoint: ContinuousClock.Instant
    var lineage = CheckpointLineage()
    /// `nil` when predictions are not graded.
    var grader: Grader?
    /// The log's end when the partition was assigned.
    let logEnd: Int64

    /// - Parameters:
    ///   - restore: `nil` when there are no checkpoints: the log alone makes the state.
    ///   - isAtStart: whether the consumer is, or will be, where the log begins.
    init(
        partition: TopicPartition, logStart: Int64, logEnd: Int64, liveFrom: Int64, timeToLiveDays: Int,
        restore: RestoreJob?, grader: Grader?, isAtStart: Bool, nextCheckpoint: ContinuousClock.Instant = .now
    ) {
        self.grader = grader
        self.logEnd = logEnd
        self.nextCheckpoint = nextCheckpoint
        self.partition = partition
        self.logStart = logStart
        self.liveFrom = liveFrom
        self.restore = restore
        table = CustomerTable(timeToLiveDays: timeToLiveDays)
        start = logStart
        next = logStart
        takenUpTo = logStart
        decodedFrom = logStart
        phase = restore != nil ? .loading : isAtStart ? .running : .seeking
        if phase == .running { running = .now }
    }

    /// How much of what has to be read before it is live has been, 0...1.
    var restoredShare: Double {
        if !isRestoring { return 1 }
        if phase != .running { return 0 }
        return Double(next - start) / Double(max(liveFrom - start, 1))
    }

    var isRestoring: Bool { phase != .running || next < liveFrom }

    /// Takes over what a checkpoint holds.
    /// - Parameter decoderFingerprint: of how messages are understood now.
    func take(_ state: RestoredState, decoderFingerprint: UInt64) {
        table = state.table
        // Damaged or of another stretch of the log, they are worth less than the stream: grading begins anew.
        if let header = state.header { gradingError = restoreGrading(state.grading, header) }
        lineage = state.lineage
        ahead = state.ahead
        if let header = state.header {
            start = max(header.offset, logStart)
            isIncomplete = header.isIncomplete
            decodedFrom = header.decoderFingerprint == decoderFingerprint ? header.decodedFrom : header.offset
            checkpoint = (header.offset, state.bytes)
        }
        next = start
        takenUpTo = start
        phase = .seeking
    }

    private func restoreGrading(_ records: [UInt64: [UInt8]], _ header: CheckpointHeader) -> StateError? {
        guard grader != nil, !records.isEmpty else { return nil }
        do throws(StateError) {
            try grader?.restore(records, atLeastUpTo: header.offset)
            return nil
        } catch {
            return error
        }
    }

    /// Begins a snapshot of the state as it stands, and of the predictions that are graded.
    func beginSnapshot(isFull: Bool) {
        grader?.beginSnapshot(isFull: isFull, upTo: next)
        table.beginSnapshot(isFull ? .everything : .changes)
    }

    /// Appends further records of the snapshot: graded predictions, then customers.
    /// - Returns: whether there is more to come.
    func writeSnapshot(into writer: inout ByteWriter, bytes limit: Int) throws(StateError) -> Bool {
        while writer.count < limit, let record = grader?.nextRecord() {
            SnapshotRecord.append(grading: record.number, record.bytes, to: &writer)
        }
        if writer.count >= limit { return true }
        return try table.writeSnapshot(into: &writer, bytes: limit)
    }

    func giveUpSnapshot() {
        grader?.giveUpSnapshot()
        table.discardSnapshot()
    }

    /// Has the checkpoint read again.
    func restoreAgain(_ job: RestoreJob?) { restore = job }

    func startRunning() {
        phase = .running
        running = .now
    }

    /// Goes on without what has been cut from the log.
    func markIncomplete() {
        isIncomplete = true
        start = max(start, logStart)
        next = start
        takenUpTo = start
    }

    /// Whether a restored state holds a customer's message already.
    func isTaken(_ offset: Int64, of customerID: UnsafeRawBufferPointer) -> Bool {
        guard !ahead.isEmpty, let upTo = ahead[Array(customerID)] else { return false }
        return offset < upTo
    }

    /// Notes that the state holds the messages before `next`; they are processed when what they make is published.
    func took(upTo next: Int64) { takenUpTo = next }

    /// Notes that the messages before `next` have been processed, `live` of which nothing had been published before.
    func processed(upTo next: Int64, live: Int) {
        self.next = max(self.next, next)
        takenUpTo = max(takenUpTo, self.next)
        uncommitted += live
        if next >= liveFrom, !ahead.isEmpty { ahead = [:] }
    }

    /// Notes that a commit covered so many of the live messages.
    func committed(live: Int) { uncommitted -= live }
}
