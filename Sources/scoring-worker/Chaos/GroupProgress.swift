import Foundation
import Kafka
import Worker

/// Watches how far a consumer group has committed, without being a member.
final class GroupProgress {
    private let consumer: Consumer
    private let partitions: [TopicPartition]
    /// How many messages of all partitions the group had committed when it was last asked.
    private(set) var committed = 0

    init(settings: WorkerSettings, partitions count: Int) throws {
        consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": settings.group]) { $1 })
        partitions = (0..<Int32(count)).map { TopicPartition(topic: settings.inputTopic, partition: $0) }
    }

    /// Waits until the group has committed a number of messages, or until the time is over.
    func wait(toPass count: Int, seconds: Double) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        repeat {
            if let offsets = try? consumer.committed(partitions, timeoutMilliseconds: 2000) {
                committed = offsets.reduce(0) { $0 + Int(max($1.offset, 0)) }
            }
            if committed >= count { return }
            Thread.sleep(forTimeInterval: 0.1)
        } while ContinuousClock.now < deadline
    }

    func close() { consumer.close() }
}
