import Foundation
import Kafka
import Scoring
import Worker

/// Reads predictions back from the output topic, from its beginning. Owned by one thread.
final class PredictionReader: RebalanceHandler {
    private let consumer: Consumer
    private let batch = MessageBatch(capacity: 1024)
    /// Whether the group has given it its partitions.
    private(set) var isAssigned = false

    init(settings: WorkerSettings) throws {
        let properties = settings.kafkaProperties.client.merging([
            "group.id": "\(settings.group)-reader", "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky", "isolation.level": "read_committed",
        ]) { $1 }
        consumer = try Consumer(properties: properties)
        consumer.rebalanceHandler = self
        try consumer.subscribe(to: [settings.outputTopic])
    }

    /// Hands over what has come, each prediction with the milliseconds since its event was published.
    /// - Returns: how many there were.
    func read(_ body: (PublishedPrediction, Double) -> Void) throws -> Int {
        try consumer.poll(into: batch, timeoutMilliseconds: 50)
        let now = Date().timeIntervalSince1970 * 1000
        for position in 0..<batch.count {
            let message = batch[position]
            let published = PredictionSource(message)?.timestamp
            let prediction = try PublishedPrediction(
                payload: message.value ?? UnsafeRawBufferPointer(start: nil, count: 0))
            body(prediction, published.map { now - Double($0) } ?? 0)
        }
        return batch.count
    }

    func close() { consumer.close() }

    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        isAssigned = true
        return partitions.map { PartitionOffset($0, offset: PartitionOffset.beginning) }
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {}

    func lost(_ partitions: [TopicPartition], consumer: Consumer) {}
}
