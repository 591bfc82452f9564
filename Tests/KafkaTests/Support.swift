import Testing

@testable import Kafka

/// A received message, copied out of its batch.
struct Received: Hashable {
    let place: TopicPartition
    let offset: Int64
    let key: String?
    let value: String?
}

func text(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

extension Producer {
    func send(_ topic: String, partition: Int32? = nil, key: String? = nil, _ value: String) throws {
        let topic = try self.topic(named: topic)
        try Array(value.utf8).withUnsafeBytes { value in
            guard let key else { return try produce(to: topic, partition: partition, key: nil, value: value) }
            try Array(key.utf8).withUnsafeBytes { key in
                try produce(to: topic, partition: partition, key: key, value: value)
            }
        }
    }
}

/// Repeats a step until it says that it is done.
func wait(seconds: Int = 30, until isDone: () throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation) throws
{
    let deadline = Deadline(milliseconds: seconds * 1000)
    while try !isDone() {
        try #require(!deadline.isPast, "not done in \(seconds) s", sourceLocation: sourceLocation)
    }
}

/// Remembers what a consumer is told, and starts where it is told to.
final class Assignments: RebalanceHandler {
    var owned: Set<TopicPartition> = []
    var revocations = 0
    var losses = 0
    var starts: [PartitionOffset] = []
    var onRevoke: (Consumer) -> Void = { _ in }

    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        owned.formUnion(partitions)
        return starts
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {
        onRevoke(consumer)
        revocations += 1
        owned.subtract(partitions)
    }

    func lost(_ partitions: [TopicPartition], consumer: Consumer) {
        losses += 1
        owned.subtract(partitions)
    }
}

/// One consumer with everything that a test wants to know of it.
final class Reader {
    let consumer: Consumer
    let assignments = Assignments()
    let batch: MessageBatch
    var received: [Received] = []
    var errors: [KafkaError] = []
    var refusedCommits = 0
    var next: [TopicPartition: Int64] = [:]

    init(_ servers: String, group: String, capacity: Int = 1000, _ properties: [String: String] = [:]) throws {
        batch = MessageBatch(capacity: capacity)
        let base = [
            "bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest",
            "session.timeout.ms": "6000", "heartbeat.interval.ms": "200",
        ]
        consumer = try Consumer(
            properties: base.merging(properties) { _, given in given }, rebalanceHandler: assignments)
    }

    func poll(milliseconds: Int = 50) throws {
        try consumer.poll(into: batch, timeoutMilliseconds: milliseconds)
        errors += batch.errors
        for position in 0..<batch.count {
            let message = batch[position]
            let place = message.topicPartition
            #expect(assignments.owned.contains(place), "a message of a partition that is not ours")
            received.append(
                Received(place: place, offset: message.offset, key: text(message.key), value: text(message.value)))
            next[place] = message.offset + 1
        }
    }

    /// Commits what was received. A refusal because the rebalance is already under way is counted.
    func commitBeforeRevoking() {
        do {
            try commit()
        } catch {
            #expect(error.name == "REBALANCE_IN_PROGRESS")
            refusedCommits += 1
        }
    }

    func commit() throws(KafkaError) {
        try consumer.commit(next.filter { assignments.owned.contains($0.key) }.map { PartitionOffset($0, offset: $1) })
    }
}
