import Foundation
import TestSupport
import Testing

@testable import Kafka

/// What only a broker with real transactions can show.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct ClusterTests {
    private let broker: BrokerProcess
    private var servers: String { broker.bootstrapServers }
    private let name = "kafka-tests-\(UUID().uuidString)"

    init() throws {
        broker = try BrokerProcess()
    }

    @Test func `a topic is created once and deleted once`() throws {
        let admin = try Admin(properties: ["bootstrap.servers": servers])
        #expect(
            try admin.createTopic(name, partitions: 3, replicationFactor: 1, configuration: ["retention.ms": "60000"]))
        #expect(try !admin.createTopic(name, partitions: 5, replicationFactor: 1))
        #expect(try admin.partitionCount(of: name, timeoutMilliseconds: 10_000) == 3)
        #expect(try admin.deleteTopic(name))
        try wait { try admin.partitionCount(of: name, timeoutMilliseconds: 10_000) == nil }
        admin.close()
        admin.close()
    }

    @Test func `what was aborted is not read`() throws {
        let admin = try Admin(properties: ["bootstrap.servers": servers])
        try admin.createTopic(name, partitions: 1, replicationFactor: 1)
        let producer = try Producer(properties: ["bootstrap.servers": servers, "transactional.id": name])
        try producer.initTransactions(timeoutMilliseconds: 30_000)
        for round in 0..<4 {
            try producer.beginTransaction()
            for _ in 0..<10 { try producer.send(name, round % 2 == 0 ? "committed" : "aborted") }
            if round % 2 == 0 {
                try producer.commitTransaction(timeoutMilliseconds: 30_000)
            } else {
                try producer.flush(timeoutMilliseconds: 30_000)
                try producer.abortTransaction(timeoutMilliseconds: 30_000)
            }
        }
        let reader = try Reader(servers, group: name, ["isolation.level": "read_committed"])
        try reader.consumer.subscribe(to: [name])
        try wait {
            try reader.poll()
            return reader.received.count >= 20
        }
        #expect(reader.received.allSatisfy { $0.value == "committed" })
        reader.consumer.close()
        try admin.deleteTopic(name)
    }

    @Test func `a broker that answers with more than it is asked for is understood`() throws {
        let admin = try Admin(properties: ["bootstrap.servers": servers])
        try admin.createTopic(name, partitions: 1, replicationFactor: 1)
        let producer = try Producer(properties: ["bootstrap.servers": servers])
        // Beyond librdkafka's own limit of 100 MB; this broker sends all that it has.
        let value = String(repeating: "x", count: 990_000)
        for number in 1...110 {
            try producer.send(name, value)
            if number % 10 == 0 { try producer.flush(timeoutMilliseconds: 60_000) }
        }
        let consumer = try Consumer(properties: ["bootstrap.servers": servers, "group.id": name])
        defer { consumer.close() }
        try consumer.assign([PartitionOffset(topic: name, partition: 0, offset: 0)])
        let batch = MessageBatch(capacity: 100)
        var count = 0
        try wait(seconds: 60) {
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            count += batch.count
            return count == 110
        }
    }

    @Test func `a newer producer of the same name fences the older one`() throws {
        let older = try Producer(properties: ["bootstrap.servers": servers, "transactional.id": name])
        try older.initTransactions(timeoutMilliseconds: 30_000)
        try older.beginTransaction()
        let newer = try Producer(properties: ["bootstrap.servers": servers, "transactional.id": name])
        try newer.initTransactions(timeoutMilliseconds: 30_000)
        let error = try #require(throws: KafkaError.self) {
            try older.send(name, "late")
            try older.commitTransaction(timeoutMilliseconds: 30_000)
        }
        #expect(error.remedy == .rejoin, "\(error)")
        #expect(error.isFatal)
    }

    @Test func `offsets are found by time`() throws {
        let admin = try Admin(properties: ["bootstrap.servers": servers])
        try admin.createTopic(name, partitions: 1, replicationFactor: 1)
        let producer = try Producer(properties: ["bootstrap.servers": servers])
        let topic = try producer.topic(named: name)
        let start = Int64(Date().timeIntervalSince1970) * 1000
        for number in 0..<10 {
            try producer.produce(to: topic, key: nil, value: nil, timestampMilliseconds: start + Int64(number) * 1000)
            try producer.flush(timeoutMilliseconds: 30_000)
        }
        let consumer = try Consumer(properties: ["bootstrap.servers": servers, "group.id": name])
        let place = TopicPartition(topic: name, partition: 0)
        let found = try consumer.offsets(forTimes: [place: start + 3500], timeoutMilliseconds: 10_000)
        #expect(found == [PartitionOffset(place, offset: 4)])
        let late = try consumer.offsets(forTimes: [place: start + 60_000], timeoutMilliseconds: 10_000)
        #expect(late == [PartitionOffset(place, offset: PartitionOffset.end)])
        consumer.close()
        try admin.deleteTopic(name)
    }

    @Test func `a topic that does not exist is an error in the batch, not a message`() throws {
        let reader = try Reader(servers, group: name)
        try reader.consumer.subscribe(to: [name])
        try wait {
            try reader.poll()
            return !reader.errors.isEmpty
        }
        #expect(reader.errors[0].name == "UNKNOWN_TOPIC_OR_PART")
        #expect(reader.errors[0].operation.hasPrefix("consume \(name)"))
        #expect(reader.errors[0].remedy == .retry)
        reader.consumer.close()
    }

    @Test func `offsets that are part of a transaction are committed with it`() throws {
        let admin = try Admin(properties: ["bootstrap.servers": servers])
        try admin.createTopic(name, partitions: 1, replicationFactor: 1)
        let place = TopicPartition(topic: name, partition: 0)
        let producer = try Producer(properties: ["bootstrap.servers": servers, "transactional.id": name])
        try producer.initTransactions(timeoutMilliseconds: 30_000)
        let reader = try Reader(servers, group: name)
        try reader.consumer.subscribe(to: [name])
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 1
        }
        for (offset, commits) in [(3, true), (7, false)] {
            try producer.beginTransaction()
            try producer.send(name, "scored")
            try producer.sendOffsets(
                [PartitionOffset(place, offset: Int64(offset), note: "at \(offset)")], groupOf: reader.consumer,
                timeoutMilliseconds: 30_000)
            if commits {
                try producer.commitTransaction(timeoutMilliseconds: 30_000)
            } else {
                try producer.abortTransaction(timeoutMilliseconds: 30_000)
            }
            let committed = try reader.consumer.committed([place], timeoutMilliseconds: 30_000)
            #expect(committed == [PartitionOffset(place, offset: 3, note: "at 3")])
        }
        reader.consumer.close()
        producer.close()
        try admin.deleteTopic(name)
    }
}
