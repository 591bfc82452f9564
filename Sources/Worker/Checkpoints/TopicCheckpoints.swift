import Customers
import Events
import Foundation
import Kafka
import Pipeline

/// Checkpoints in a compacted topic, so that a partition finds its state on whatever host it is assigned to. The topic has
/// as many partitions as the input, and each holds the customers of the input's partition of the same number.
///
///     key                     value
///     'c' identifier          a customer's state, or its first part; null for a customer who was removed
///     'p' varint identifier   a further part of a state too large for one message
///     'g' varint number       a record of the label join, after an offset and the number of parts, 1; null if removed
///     'm'                     the manifest record that completes a checkpoint: its header
///
/// A value begins with the owner epoch and the base epoch, words of 64 bits, and ends with the XXH64 of all before it,
/// seeded with the hash of the key. In between stands, for a state, the offset up to which it holds messages, the number of
/// parts and the bytes; for the manifest, the header.
///
/// A checkpoint holds what has changed since the manifest before. One that is never finished does no harm: its states are
/// newer than the manifest, and say so by their offsets, so that messages that they hold already are passed over. Records
/// are published in the stream's own transactions: a former owner's are aborted once it has lost the partition. Should a
/// record of an earlier owner epoch stand behind one of a later all the same, or one be damaged, the chain is not trusted
/// and a new base checkpoint is taken.
final class TopicCheckpoints: CheckpointStore {
    private let topic: String
    private let properties: [String: String]
    /// Well below Kafka's own standard limit of a message.
    static let partLimit = 800_000
    /// How long reading may go on without a message.
    private static let readTimeoutMilliseconds = 60_000

    /// - Parameter properties: of a consumer, for reading them back.
    init(topic: String, properties: [String: String]) {
        self.topic = topic
        self.properties = properties.merging([
            "group.id": "\(topic)-reader", "isolation.level": "read_committed", "enable.partition.eof": "true",
            "enable.auto.offset.store": "false",
        ]) { $1 }
    }

    /// A checkpoint holds what has changed since the one before.
    package var isIncremental: Bool { true }

    /// Reads the partition of the checkpoint topic from its beginning.
    package func restore(_ request: RestoreRequest) throws -> RestoredState {
        var reading = TopicReading(request: request)
        do {
            try read(request, into: &reading)
            let state = try reading.state()
            if let header = state.header { try request.checkLog(header) }
            return state
        } catch let error as StateError {
            request.warn("the checkpoint in \(topic)[\(request.partition.partition)] is passed over: \(error)")
            return RestoredState(
                header: nil, table: reading.emptyTable(),
                lineage: CheckpointLineage(ownerEpoch: reading.ownerEpoch + 1, baseEpoch: nil))
        }
    }

    private func read(_ request: RestoreRequest, into reading: inout TopicReading) throws {
        let partition = TopicPartition(topic: topic, partition: request.partition.partition)
        let consumer = try Consumer(properties: properties)
        defer { consumer.close() }
        let retry = Retry(timeoutMilliseconds: Self.readTimeoutMilliseconds)
        let log = try retry { _ throws(KafkaError) in
            try consumer.watermarks(of: partition, timeoutMilliseconds: 5000)
        }
        if log.high == 0 { return }
        guard log.low == 0 else {
            throw StateError(
                "records before offset \(log.low) are gone: set the topic's cleanup.policy to compact alone")
        }
        try consumer.assign([PartitionOffset(partition, offset: 0)])
        let batch = MessageBatch(capacity: 1000)
        var lastProgress = ContinuousClock.now
        var share = 0.0
        while true {
            try consumer.poll(into: batch, timeoutMilliseconds: 1000)
            try request.progress(share)
            for error in batch.errors {
                guard error.remedy != .fatal,
                    ContinuousClock.now - lastProgress < .milliseconds(Self.readTimeoutMilliseconds)
                else { throw error }
                request.warn("reading \(partition): \(error)")
            }
            if batch.count > 0 { lastProgress = .now }
            for position in 0..<batch.count {
                let message = batch[position]
                reading.take(key: message.key, value: message.value)
                share = Double(message.offset) / Double(log.high)
            }
            // The end that a reader of committed messages can see.
            if !batch.ends.isEmpty { return }
        }
    }

    /// Begins to publish a checkpoint; it is durable once its manifest record is committed.
    package func begin(
        _ header: CheckpointHeader, after lineage: CheckpointLineage, publisher: any CheckpointPublisher
    ) throws -> any CheckpointWriter {
        try Writer(header, after: lineage, topic: topic, publisher: publisher)
    }

    // MARK: Records

    static let manifestKey = [UInt8(ascii: "m")]
    static let stateKind = UInt8(ascii: "c")
    static let partKind = UInt8(ascii: "p")
    static let labelJoinKind = UInt8(ascii: "g")

    static func sealed(key: [UInt8], _ lineage: CheckpointLineage, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.word64(lineage.ownerEpoch)
        writer.word64(lineage.baseEpoch ?? lineage.ownerEpoch)
        body(&writer)
        writer.word64(checksum(key: key.withUnsafeBytes { contentHash($0) }, writer.bytes))
        return writer.take()
    }

    static func checksum(key: UInt64, _ content: some Collection<UInt8>) -> UInt64 {
        content.withContiguousStorageIfAvailable { contentHash(UnsafeRawBufferPointer($0), seed: key) } ?? 0
    }

    /// Publishes records as they come. The manifest goes last: when it is committed the checkpoint is durable.
    private final class Writer: CheckpointWriter {
        private static let outstandingLimit = 50_000

        private let header: CheckpointHeader
        private let lineage: CheckpointLineage
        private let topic: String
        private unowned let publisher: any CheckpointPublisher
        private var bytes = 0
        private var hasManifest = false
        private(set) var outcome: Result<CheckpointReceipt, any Error>?

        init(
            _ header: CheckpointHeader, after former: CheckpointLineage, topic: String,
            publisher: any CheckpointPublisher
        ) throws {
            self.header = header
            self.topic = topic
            self.publisher = publisher
            lineage = CheckpointLineage(
                ownerEpoch: former.ownerEpoch, baseEpoch: former.baseEpoch ?? former.ownerEpoch)
            // A new base writes over the states of the old chain, whose manifest is worth nothing from now on.
            if former.baseEpoch == nil { try publish(TopicCheckpoints.manifestKey, nil) }
        }

        var isReady: Bool { publisher.outstanding < Self.outstandingLimit }

        func append(_ records: [UInt8]) throws {
            try records.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                while !reader.isAtEnd {
                    if let (number, content) = try SnapshotRecord.labelJoin(&reader) {
                        try publish(labelJoin: number, content)
                        continue
                    }
                    let customerID = try reader.counted()
                    try publish(customerID, try reader.counted())
                }
            }
        }

        private func publish(labelJoin number: UInt64, _ content: UnsafeRawBufferPointer) throws {
            var key = ByteWriter()
            key.varint(number)
            let fullKey = [TopicCheckpoints.labelJoinKind] + key.bytes
            if content.isEmpty { return try publish(fullKey, nil) }
            try publish(
                fullKey,
                TopicCheckpoints.sealed(key: fullKey, lineage) { writer in
                    writer.signed(header.offset)
                    writer.varint(1)
                    writer.append(content)
                })
        }

        private func publish(_ customerID: UnsafeRawBufferPointer, _ state: UnsafeRawBufferPointer) throws {
            if state.isEmpty { return try publish([TopicCheckpoints.stateKind] + customerID, nil) }
            let parts = (state.count + TopicCheckpoints.partLimit - 1) / TopicCheckpoints.partLimit
            // The first part goes last: with it a reader finds all the others.
            for part in (0..<parts).reversed() {
                var key = ByteWriter()
                if part > 0 { key.varint(UInt64(part)) }
                let start = part * TopicCheckpoints.partLimit
                let end = min(start + TopicCheckpoints.partLimit, state.count)
                let fullKey =
                    [part == 0 ? TopicCheckpoints.stateKind : TopicCheckpoints.partKind] + key.bytes + customerID
                try publish(
                    fullKey,
                    TopicCheckpoints.sealed(key: fullKey, lineage) { writer in
                        writer.signed(header.offset)
                        writer.varint(UInt64(parts))
                        writer.append(UnsafeRawBufferPointer(rebasing: state[start..<end]))
                    })
            }
        }

        func finish() throws {
            let key = TopicCheckpoints.manifestKey
            try publish(key, TopicCheckpoints.sealed(key: key, lineage) { header.encode(into: &$0) })
            hasManifest = true
        }

        func committed() {
            if hasManifest { outcome = .success(CheckpointReceipt(bytes: bytes, lineage: lineage)) }
        }

        func discard() {}

        private func publish(_ key: [UInt8], _ value: [UInt8]?) throws {
            bytes += key.count + (value?.count ?? 0)
            try publisher.publish(topic, partition: header.partition.partition, key: key, value: value)
        }
    }
}
