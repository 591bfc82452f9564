import Events
import Kafka
import LocalCluster
import Monitoring
import TestSupport
import Testing

@testable import Worker

/// Messages that come to another partition than their customer's state.
@Suite(.waiting) struct PlacementTests {
    /// What a worker counts of messages, each with its key and partition.
    static func counted(
        _ messages: [(key: String, partition: Int32)], value: (Int) -> String = { "customer-\($0 % 400)" }
    ) async throws -> WorkerCounters.Snapshot {
        let rig = try WorkerRig(partitions: 4)
        let settings = rig.settings
        let worker = try rig.worker()
        let texts = messages.indices.map { value($0) }
        try await rig.running(worker) {
            for partition in 0..<4 as Range<Int32> {
                let its = messages.indices.filter { messages[$0].partition == partition }
                try WorkerTests.publish(
                    its.map { index in
                        (
                            key: Array(messages[index].key.utf8),
                            value: SampleEvent(customer: texts[index], invoice: "\(index)").json
                        )
                    }, settings, partition: partition)
            }
            try wait(for: "the messages") { worker.counters.snapshot.committed == messages.count }
        }
        return worker.counters.snapshot
    }

    static func murmur2(_ key: String) -> Int32 { Murmur2Partitioner.partition(of: Array(key.utf8), count: 4) }

    static func consistent(_ key: String) -> Int32 {
        Array(key.utf8).withUnsafeBytes { ConsistentPartitioner.partition(of: $0, count: 4) }
    }

    @Test func whatIsWhereItBelongsIsNotCounted() async throws {
        let keys = (0..<800).map { "customer-\($0 % 400)" }
        let counts = try await Self.counted(keys.map { ($0, Self.murmur2($0)) })
        #expect(counts.keyless == 0 && counts.foreignKeys == 0 && counts.misplacedCustomers == 0)
    }

    @Test func messagesWithoutKeysAreCounted() async throws {
        let counts = try await Self.counted((0..<800).map { ("", Int32($0 % 7 % 4)) })
        #expect(counts.keyless == 800 && counts.misplacedCustomers > 5)
    }

    @Test func keysThatAreNotTheCustomerAreCounted() async throws {
        // The order's number as the key.
        let counts = try await Self.counted((0..<800).map { ("\($0)", Self.murmur2("\($0)")) })
        #expect(counts.foreignKeys == 800 && counts.misplacedCustomers > 5)
    }

    /// History was published by Java's partitioner, live messages come by librdkafka's.
    @Test func twoPartitionersPutCustomersIntoTwoPartitions() async throws {
        let keys = (0..<800).map { "customer-\($0 % 400)" }
        let counts = try await Self.counted(
            keys.enumerated().map { ($1, $0 < 400 ? Self.murmur2($1) : Self.consistent($1)) })
        #expect(counts.keyless == 0 && counts.foreignKeys == 0 && counts.misplacedCustomers > 5)
    }

    @Test func aCustomerWithManyOfTheEventsIsFound() {
        var (random, frequent) = (SplitMix64(seed: 1), FrequentCustomers())
        for _ in 0..<5000 { frequent.note(random.next() % 8 == 0 ? 7 : random.next()) }
        let found = frequent.takeSuspicious(customers: 1000)
        #expect(found?.hash == 7 && (found?.share ?? 0) > 0.09 && (found?.share ?? 1) < 0.14)
        for _ in 0..<5000 { frequent.note(random.next() % 400) }
        #expect(frequent.takeSuspicious(customers: 1000) == nil)
        for _ in 0..<5000 { frequent.note(random.next() % 5) }
        #expect(frequent.takeSuspicious(customers: 5) == nil, "of five customers each has a fifth")
    }
}

/// Beside a broker that tells of its topics.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct CompactedInputTests {
    @Test func aCompactedInputIsRefused() throws {
        let broker = try BrokerProcess()
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers]
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        _ = try admin.createTopic("log", partitions: 1)
        _ = try admin.createTopic("table", partitions: 1, configuration: ["cleanup.policy": "compact"])
        let check = try TopicCheck(settings: settings)
        try check.requireLog("log")
        let error = #expect(throws: WorkerError.self) { try check.requireLog("table") }
        #expect(error?.description.contains("cleanup.policy=delete") == true)
        settings.whenCompacted = .continue
        try TopicCheck(settings: settings).requireLog("table")
    }
}
