import Kafka
import Worker

/// Reads what is committed on a topic, from its beginning.
final class CommittedReader: RebalanceHandler {
    struct Record {
        let key: String
        let value: String
        let headers: [String: String]

        let origin: PredictionSource?

        var source: String { origin.map { "\($0.partition)@\($0.offset)" } ?? "" }
        var sourceOffset: Int { origin.map { Int($0.offset) } ?? -1 }
    }

    private(set) var records: [Record] = []
    private let consumer: Consumer
    private let batch = MessageBatch(capacity: 1000)

    init(topic: String, properties: [String: String]) throws {
        consumer = try Consumer(
            properties: properties.merging([
                "group.id": "reader-\(topic)", "isolation.level": "read_committed",
                "partition.assignment.strategy": "cooperative-sticky",
            ]) { $1 })
        consumer.rebalanceHandler = self
        try consumer.subscribe(to: [topic])
    }

    deinit { consumer.close() }

    /// - Returns: whether there was anything.
    func poll() throws -> Bool {
        try consumer.poll(into: batch, timeoutMilliseconds: 100)
        for position in 0..<batch.count {
            let message = batch[position]
            func text(_ bytes: UnsafeRawBufferPointer?) -> String {
                bytes.map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
            var headers: [String: String] = [:]
            for header in message.headers { headers[header.name] = text(header.value) }
            records.append(
                Record(
                    key: text(message.key), value: text(message.value), headers: headers,
                    origin: PredictionSource(message)))
        }
        return batch.count > 0
    }

    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        partitions.map { PartitionOffset($0, offset: PartitionOffset.beginning) }
    }
    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {}
    func lost(_ partitions: [TopicPartition], consumer: Consumer) {}
}
