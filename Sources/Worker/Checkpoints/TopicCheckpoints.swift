import Customers
import Events
import Foundation
import Kafka

/// Checkpoints in a compacted topic, so that a partition finds its state on whatever host it comes to. The topic has as
/// many partitions as the input, and each holds the customers of the input's partition of the same number.
///
///     key                     value
///     'c' identifier          a customer's state, or its first part; null for a customer who is gone
///     'p' varint identifier   a further part of a state too large for one message
///     'g' varint number       graded predictions, after an offset and the number of parts, 1; null for what is gone
///     'm'                     the mark that ends a checkpoint: its header
///
/// A value begins with the term and the root of its line, words of 64 bits, and ends with the XXH64 of all before it,
/// seeded with the hash of the key. In between stands, for a state, the offset up to which it holds messages, the number
/// of parts and the bytes; for the mark, the header.
///
/// Only what has changed since the mark before is written. A checkpoint that is never finished does no harm: its states
/// are newer than the mark, and say so, and messages that they hold already are passed over. Records are published in the
/// stream's own transactions, so that a former owner cannot write once it has lost the partition; should one of an earlier
/// term stand behind one of a later all the same, or one be damaged, the line is not trusted and a new one is begun.
final class TopicCheckpoints: CheckpointStore {
    private let topic: String
    private let properties: [String: String]
    /// Well below Kafka's own standard limit of a message.
    static let partLimit = 800_000

    /// - Parameter properties: of a consumer, for reading them back.
    init(topic: String, properties: [String: String]) {
        self.topic = topic
        self.properties = properties.merging([
            "group.id": "\(topic)-reader", "isolation.level": "read_committed", "enable.partition.eof": "true",
            "enable.auto.offset.store": "false",
        ]) { $1 }
    }

    var isIncremental: Bool { true }

    func restore(_ wanted: RestoreRequest) throws -> RestoredState {
        var reading = TopicReading(wanted: wanted)
        do {
            try read(wanted, into: &reading)
            return try reading.state()
        } catch let error as StateError {
            wanted.warn("the checkpoint in \(topic)[\(wanted.partition.partition)] is passed over: \(error)")
            return RestoredState(
                header: nil, table: reading.emptyTable(), lineage: CheckpointLineage(term: reading.term + 1, root: nil))
        }
    }

    private func read(_ wanted: RestoreRequest, into reading: inout TopicReading) throws {
        let partition = TopicPartition(topic: topic, partition: wanted.partition.partition)
        let consumer = try Consumer(properties: properties)
        defer { consumer.close() }
        let log = try patiently { () throws(KafkaError) in
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
        while true {
            try consumer.poll(into: batch, timeoutMilliseconds: 1000)
            for error in batch.errors {
                guard error.remedy != .fatal, ContinuousClock.now - lastProgress < .seconds(60) else { throw error }
                wanted.warn("reading \(partition): \(error)")
            }
            if batch.count > 0 { lastProgress = .now }
            for position in 0..<batch.count {
                let message = batch[position]
                reading.take(key: message.key, value: message.value)
                wanted.progress(Double(message.offset) / Double(log.high))
            }
            // The end that a reader of committed messages can see.
            if !batch.ends.isEmpty { return }
        }
    }

    func begin(
        _ header: CheckpointHeader, after state: CheckpointLineage, publisher: any CheckpointPublisher
    ) throws -> any CheckpointWriter {
        try Writer(header, after: state, topic: topic, publisher: publisher)
    }

    // MARK: Records

    static let markKey = [UInt8(ascii: "m")]
    static let stateKind = UInt8(ascii: "c")
    static let partKind = UInt8(ascii: "p")
    static let gradingKind = UInt8(ascii: "g")

    static func sealed(key: [UInt8], _ lineage: CheckpointLineage, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.word64(lineage.term)
        writer.word64(lineage.root ?? lineage.term)
        body(&writer)
        writer.word64(checksum(key: key.withUnsafeBytes { contentHash($0) }, writer.bytes))
        return writer.take()
    }

    static func checksum(key: UInt64, _ content: some Collection<UInt8>) -> UInt64 {
        content.withContiguousStorageIfAvailable { contentHash(UnsafeRawBufferPointer($0), seed: key) } ?? 0
    }

    /// Publishes records as they come; the mark goes last, and when that is committed the checkpoint lasts.
    private final class Writer: CheckpointWriter {
        private static let outstandingLimit = 50_000

        private let header: CheckpointHeader
        private let lineage: CheckpointLineage
        private let topic: String
        private unowned let publisher: any CheckpointPublisher
        private var bytes = 0
        private var isMarked = false
        private(set) var outcome: Result<CheckpointReceipt, any Error>?

        init(
            _ header: CheckpointHeader, after state: CheckpointLineage, topic: String,
            publisher: any CheckpointPublisher
        ) throws {
            self.header = header
            self.topic = topic
            self.publisher = publisher
            lineage = CheckpointLineage(term: state.term, root: state.root ?? state.term)
            // A new line writes over the states of the old one, whose mark is worth nothing from now on.
            if state.root == nil { try publish(TopicCheckpoints.markKey, nil) }
        }

        var isReady: Bool { publisher.outstanding < Self.outstandingLimit }

        func append(_ records: [UInt8]) throws {
            try records.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                while !reader.isAtEnd {
                    if let (number, content) = try SnapshotRecord.grading(&reader) {
                        try publish(grading: number, content)
                        continue
                    }
                    let customerID = try reader.counted()
                    try publish(customerID, try reader.counted())
                }
            }
        }

        private func publish(grading number: UInt64, _ content: UnsafeRawBufferPointer) throws {
            var key = ByteWriter()
            key.varint(number)
            let fullKey = [TopicCheckpoints.gradingKind] + key.bytes
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
            let key = TopicCheckpoints.markKey
            try publish(key, TopicCheckpoints.sealed(key: key, lineage) { header.encode(into: &$0) })
            isMarked = true
        }

        func committed() {
            if isMarked { outcome = .success(CheckpointReceipt(bytes: bytes, lineage: lineage)) }
        }

        func giveUp() {}

        private func publish(_ key: [UInt8], _ value: [UInt8]?) throws {
            bytes += key.count + (value?.count ?? 0)
            try publisher.publish(topic, partition: header.partition.partition, key: key, value: value)
        }
    }

    private func patiently<Result>(_ request: () throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do { return try request() } catch {
                guard error.remedy == .retry, ContinuousClock.now < deadline else { throw error }
                Thread.sleep(forTimeInterval: 0.2)
            }
        }
    }
}
