import Foundation
import Kafka
import Worker

/// Watches how far a consumer group has committed, without being a member.
final class GroupProgress {
    private let consumer: Consumer
    private let partitions: [TopicPartition]
    /// How many messages of all partitions the group had committed when it was last asked.
    private(set) var committed = 0
    /// By partition.
    private var offsets: [Int64] = []

    init(settings: WorkerSettings, partitions count: Int) throws {
        consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": settings.group]) { $1 })
        partitions = (0..<Int32(count)).map { TopicPartition(topic: settings.inputTopic, partition: $0) }
    }

    /// Waits until the group has committed a number of messages, or until the time is over.
    func wait(toPass count: Int, seconds: Double) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        repeat {
            if let places = try? consumer.committed(partitions, timeoutMilliseconds: 2000) {
                offsets = places.sorted { $0.partition < $1.partition }.map { max($0.offset, 0) }
                committed = offsets.reduce(0) { $0 + Int($1) }
            }
            if committed >= count { return }
            Thread.sleep(forTimeInterval: 0.1)
        } while ContinuousClock.now < deadline
    }

    /// The partitions that have more messages than were committed when it was last asked, in words.
    func behind(_ published: [Int]) -> String {
        zip(offsets, published).enumerated().filter { $1.0 < $1.1 }.map { partition, counts in
            "partition \(partition) at \(counts.0) of \(counts.1)"
        }.joined(separator: ", ")
    }

    func close() { consumer.close() }
}
