import Customers
import Kafka

/// Where checkpoints are kept. Every checkpoint in it is whole, and of a committed offset.
protocol CheckpointStore: Sendable {
    /// Brings back the newest state of a partition that is of any use; without one, an empty table.
    ///
    /// Called on a thread of its own, for the partition's owner only. What is damaged or does not fit is passed over with
    /// a warning.
    func restore(_ wanted: RestoreRequest) throws -> RestoredState

    /// Begins a checkpoint.
    /// - Parameters:
    ///   - state: what `restore` or the checkpoint before has left.
    ///   - publisher: where a store that lives in Kafka puts its records.
    func begin(
        _ header: CheckpointHeader, after state: CheckpointLineage, publisher: any CheckpointPublisher
    ) throws -> any CheckpointWriter

    /// Whether its checkpoints hold only what has changed since the one before.
    var isIncremental: Bool { get }
}

/// Which state a partition's new owner needs.
struct RestoreRequest: Sendable {
    let partition: TopicPartition
    /// Where publishing begins: a state beyond that is of another stretch of the log.
    let committed: Int64
    let timeToLiveDays: Int
    /// Told now and then how much has been read, 0 to 1.
    let progress: @Sendable (Double) -> Void
    let warn: @Sendable (String) -> Void

    /// Whether a checkpoint can be used.
    func check(_ header: CheckpointHeader) throws(StateError) {
        guard header.partition == partition else { throw StateError("of another partition, \(header.partition)") }
        guard header.offset <= committed else {
            throw StateError("of offset \(header.offset), beyond the committed offset \(committed)")
        }
        guard header.stateFingerprint == CheckpointHeader.stateFingerprint(timeToLiveDays: timeToLiveDays) else {
            throw StateError("of another kind of state: other windows or another state.time_to_live")
        }
    }
}

/// A partition's state as a checkpoint has kept it.
struct RestoredState: Sendable {
    /// `nil` when there was none: the table is empty then.
    var header: CheckpointHeader?
    var table: CustomerTable
    /// Customers whose states already hold messages up to an offset beyond the header's.
    var ahead: [[UInt8]: Int64] = [:]
    var lineage = CheckpointLineage()
    /// Graded predictions, by record.
    var grading: [UInt64: [UInt8]] = [:]
    /// What had to be read for it.
    var bytes = 0
}

/// What ties a store's later checkpoints to earlier ones; only an incremental store makes use of it.
struct CheckpointLineage: Equatable, Sendable {
    /// Number of the ownership, higher than that of any before.
    var term: UInt64 = 1
    /// The term in which the first, full checkpoint of the line was made; `nil` calls for a new full one.
    var root: UInt64?
}

/// Takes a checkpoint's records while the stream goes on. Owned by the stream's thread.
protocol CheckpointWriter: AnyObject {
    /// Whether further records can be taken without waiting.
    var isReady: Bool { get }
    /// Takes some whole records of the snapshot.
    func append(_ records: [UInt8]) throws
    /// All records have been given.
    func finish() throws
    /// To be called after every commit: what had been published before it lasts now.
    func committed()
    /// `nil` while it is not decided.
    var outcome: Result<CheckpointReceipt, any Error>? { get }
    /// Leaves nothing of it behind that could be mistaken for a checkpoint.
    func giveUp()
}

/// A checkpoint that lasts.
struct CheckpointReceipt: Sendable {
    let bytes: Int
    let lineage: CheckpointLineage
}

/// Publishes within the stream's own commit cycle.
protocol CheckpointPublisher: AnyObject {
    func publish(
        _ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?
    ) throws
    /// Messages that are not yet delivered.
    var outstanding: Int { get }
}
