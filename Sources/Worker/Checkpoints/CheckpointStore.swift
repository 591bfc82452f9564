import Customers
import Kafka
import Pipeline

/// Where checkpoints are kept. Every checkpoint in it is whole, and of a committed offset.
package protocol CheckpointStore: Sendable {
    /// Reads the newest state of a partition that can be used; without one, an empty table.
    ///
    /// Called on a thread of its own, for the partition's owner only. What is damaged or does not fit is passed over with a
    /// warning.
    /// - Throws: `KafkaError` when it cannot be read; what `request.progress` throws.
    func restore(_ request: RestoreRequest) throws -> RestoredState

    /// Begins a checkpoint.
    /// - Parameters:
    ///   - lineage: what `restore` or the checkpoint before has left.
    ///   - publisher: where a store that lives in Kafka puts its records.
    func begin(
        _ header: CheckpointHeader, after lineage: CheckpointLineage, publisher: any CheckpointPublisher
    ) throws -> any CheckpointWriter

    /// Whether its checkpoints hold only what has changed since the one before.
    var isIncremental: Bool { get }
}

extension WorkerSettings {
    /// The store that these settings name; `nil` without checkpoints.
    func makeCheckpointStore() throws -> (any CheckpointStore)? {
        switch checkpoints {
        case .directory: try DirectoryCheckpoints(path: checkpointDirectory, group: group)
        case .topic:
            checkpointTopicName.map { TopicCheckpoints(topic: $0, properties: kafkaProperties.checkpointReader) }
        case .none: nil
        }
    }
}

/// Which state a partition's new owner needs.
package struct RestoreRequest: Sendable {
    let partition: TopicPartition
    /// Where publishing begins: a state beyond that is of another stretch of the log.
    let committed: Int64
    let timeToLiveDays: Int
    /// Whether the log still has this message at its offset, or none any more.
    let isOfThisLog: @Sendable (LogMark) throws -> Bool
    /// Told now and then how much has been read, 0 to 1; throws when nobody waits for it any more.
    let progress: @Sendable (Double) throws -> Void
    let warn: @Sendable (String) -> Void

    /// - Parameters:
    ///   - committed: offset beyond which a state is of no use.
    ///   - isOfThisLog: whether the log still has a message at its offset, or none any more.
    ///   - progress: told now and then how much has been read, 0 to 1; throws when nobody waits for it any more.
    ///   - warn: told of checkpoints that are passed over.
    package init(
        partition: TopicPartition, committed: Int64, timeToLiveDays: Int,
        isOfThisLog: @escaping @Sendable (LogMark) throws -> Bool = { _ in true },
        progress: @escaping @Sendable (Double) throws -> Void, warn: @escaping @Sendable (String) -> Void
    ) {
        self.partition = partition
        self.committed = committed
        self.timeToLiveDays = timeToLiveDays
        self.isOfThisLog = isOfThisLog
        self.progress = progress
        self.warn = warn
    }

    /// Whether a checkpoint is of the log that is there now.
    /// - Throws: `StateError` if it is of another one that had the topic's name; `KafkaError` when nobody tells.
    func checkLog(_ header: CheckpointHeader) throws {
        guard let mark = header.mark, try !isOfThisLog(mark) else { return }
        throw StateError(
            "of another topic that had this name, whose message at offset \(mark.offset) was not the one that is there now"
        )
    }

    /// Whether a checkpoint can be used.
    /// - Throws: `StateError` with the reason if not.
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
package struct RestoredState: Sendable {
    /// `nil` when there was no checkpoint: the table is empty then.
    var header: CheckpointHeader?
    /// The customers.
    package var table: CustomerTable
    /// By customer, the offset up to which their state holds messages, where that is beyond the header's.
    var perKeyOffsets: [[UInt8]: Int64] = [:]
    var lineage = CheckpointLineage()
    /// The label join's records, by number.
    var labelJoinRecords: [UInt64: [UInt8]] = [:]
    /// What had to be read for it.
    var bytes = 0

    /// The part of it that is the pipeline's.
    func partition(decoderStartOffset: Int64) -> RestoredPartition {
        RestoredPartition(
            table: table, offset: header?.offset ?? 0, decoderStartOffset: decoderStartOffset,
            gap: header?.gap, mark: header?.mark, perKeyOffsets: perKeyOffsets,
            labelJoinRecords: header == nil ? [:] : labelJoinRecords, rescored: header?.rescored)
    }
}

/// What ties an incremental store's checkpoints together: a base checkpoint holds every customer, each further one of its
/// chain what has changed since the one before.
package struct CheckpointLineage: Equatable, Sendable {
    /// Number of this ownership of the partition, higher than that of any owner before.
    var ownerEpoch: UInt64 = 1
    /// The owner epoch in which the chain's base checkpoint was taken; `nil` calls for a new base.
    var baseEpoch: UInt64?

    /// Of a first owner, who begins with a base checkpoint.
    package init() {}

    init(ownerEpoch: UInt64, baseEpoch: UInt64?) {
        self.ownerEpoch = ownerEpoch
        self.baseEpoch = baseEpoch
    }
}

/// Takes a checkpoint's records while the stream goes on. Owned by the stream's thread.
package protocol CheckpointWriter: AnyObject {
    /// Whether further records can be taken without waiting.
    var isReady: Bool { get }
    /// Takes some whole records of the snapshot.
    func append(_ records: [UInt8]) throws
    /// All records have been given.
    func finish() throws
    /// Must be called after each successful commit: the records appended so far are durable.
    func committed()
    /// `nil` while it is not decided.
    var outcome: Result<CheckpointReceipt, any Error>? { get }
    /// Leaves nothing behind that could be mistaken for a checkpoint.
    func discard()
}

/// A checkpoint that is durable.
package struct CheckpointReceipt: Sendable {
    let bytes: Int
    let lineage: CheckpointLineage
}

/// Publishes records within the stream's own transactions.
package protocol CheckpointPublisher: AnyObject {
    /// - Parameter value: `nil` for a tombstone.
    func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) throws
    /// Messages that are not yet delivered.
    var outstanding: Int { get }
}
