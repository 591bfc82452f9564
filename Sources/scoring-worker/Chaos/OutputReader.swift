import Events
import Kafka
import Worker

/// Reads every committed prediction from the beginning of the output topic.
final class OutputReader {
    private let consumer: Consumer
    private let batch = MessageBatch(capacity: 1000)

    init(settings: WorkerSettings, partitions: Int) throws {
        consumer = try Consumer(
            properties: settings.clientProperties.merging([
                "group.id": "chaos-reader", "isolation.level": "read_committed",
            ]) { $1 })
        try consumer.assign(
            (0..<Int32(partitions)).map { PartitionOffset(topic: settings.outputTopic, partition: $0, offset: 0) })
    }

    /// - Parameter body: told the partition and offset that a prediction is of, and its payload's content hash.
    func read(_ body: (Int, Int, UInt64) -> Void) throws {
        try consumer.poll(into: batch, timeoutMilliseconds: 50)
        for position in 0..<batch.count {
            let message = batch[position]
            func number(_ header: String) -> Int {
                message.header(header).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? -1
            }
            body(
                number("source.partition"), number("source.offset"),
                contentHash(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0)))
        }
    }

    func close() { consumer.close() }
}
