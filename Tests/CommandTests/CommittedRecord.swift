import Kafka
import TestSupport
import Worker

/// A message that is committed.
struct CommittedRecord {
    let key: String
    let value: String
    let headers: [String: String]
    let origin: PredictionSource?

    var source: String { origin.map { "\($0.partition)@\($0.offset)" } ?? "" }
    var sourceOffset: Int { origin.map { Int($0.offset) } ?? -1 }

    init(_ message: borrowing Message) {
        func text(_ bytes: UnsafeRawBufferPointer?) -> String {
            bytes.map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        key = text(message.key)
        value = text(message.value)
        var headers: [String: String] = [:]
        for header in message.headers { headers[header.name] = text(header.value) }
        self.headers = headers
        origin = PredictionSource(message)
    }

    /// What is committed on a topic now, from its beginning to the end that readers are shown.
    static func all(of topic: String, properties: [String: String]) throws -> [CommittedRecord] {
        let consumer = try Consumer.reading(
            topic,
            properties: properties.merging(["isolation.level": "read_committed", "enable.partition.eof": "true"]) { $1 }
        )
        defer { consumer.close() }
        let partitions = try consumer.assignment.count
        let batch = MessageBatch(capacity: 1000)
        var records: [CommittedRecord] = []
        var ended: Set<TopicPartition> = []
        let deadline = ContinuousClock.now + .seconds(60)
        while ended.count < partitions {
            guard ContinuousClock.now < deadline else { throw Unfinished(topic: topic, ended: ended.count) }
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            for position in 0..<batch.count { records.append(CommittedRecord(batch[position])) }
            for end in batch.ends { ended.insert(end.partition) }
        }
        return records
    }

    private struct Unfinished: Error {
        let topic: String
        let ended: Int
    }
}
