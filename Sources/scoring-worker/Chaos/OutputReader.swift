import Events
import Kafka
import Worker

/// Reads every committed prediction from the beginning of a topic.
final class OutputReader {
    private let consumer: Consumer
    private let partitions: Int
    private let batch = MessageBatch(capacity: 1000)

    init(settings: WorkerSettings, topic: String, partitions: Int) throws {
        self.partitions = partitions
        consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging([
                "group.id": "chaos-reader", "isolation.level": "read_committed", "enable.partition.eof": "true",
            ]) { $1 })
        try consumer.assign(
            (0..<Int32(partitions)).map { PartitionOffset(topic: topic, partition: $0, offset: 0) })
    }

    /// Reads to the end of every partition.
    ///
    /// - Parameter body: Gets the source of each prediction, and its payload's content hash.
    func readAll(_ body: (PredictionSource?, UInt64) -> Void) throws {
        defer { consumer.close() }
        var ended: Set<TopicPartition> = []
        let deadline = ContinuousClock.now + .seconds(300)
        while ended.count < partitions {
            guard ContinuousClock.now < deadline else {
                throw ChaosError("a topic of predictions cannot be read to its end")
            }
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            for position in 0..<batch.count {
                let message = batch[position]
                body(
                    PredictionSource(message),
                    contentHash(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0)))
            }
            for end in batch.ends { ended.insert(end.partition) }
        }
    }
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
