import Events
import Foundation
import Kafka
import LocalCluster
import TestSupport
import Testing

@testable import Worker

/// A record that a topic does not take never stops the stream, unless it is told to stop.
@Suite(.waiting) struct RefusalTests {
    struct Letter {
        let value: [UInt8]
        let headers: [String: String]
    }

    static func publish(_ values: [[UInt8]], _ settings: WorkerSettings) throws {
        let producer = try Producer(
            properties: settings.kafkaProperties.client.merging(["message.max.bytes": "2000000"]) { $1 })
        defer { producer.close() }
        let topic = try producer.topic(named: settings.inputTopic)
        for value in values {
            try value.withUnsafeBytes { value in
                try Array("17850".utf8).withUnsafeBytes {
                    try producer.produce(to: topic, partition: 0, key: $0, value: value)
                }
            }
        }
        try producer.flush(timeoutMilliseconds: 30_000)
    }

    /// The dead letters, once there are so many.
    static func letters(_ count: Int, _ settings: WorkerSettings) throws -> [Letter] {
        let consumer = try Consumer.reading(
            settings.deadLetterTopic ?? "",
            properties: settings.kafkaProperties.client.merging(["isolation.level": "read_committed"]) { $1 })
        defer { consumer.close() }
        let batch = MessageBatch(capacity: 100)
        var letters: [Letter] = []
        try wait(for: "\(count) dead letters") {
            try consumer.poll(into: batch, timeoutMilliseconds: 20)
            for position in 0..<batch.count {
                let message = batch[position]
                letters.append(
                    Letter(
                        value: Array(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0)),
                        headers: Dictionary(
                            message.headers.map { ($0.name, String(decoding: Array($0.value!), as: UTF8.self)) }
                        ) { $1 }))
            }
            return letters.count >= count
        }
        return letters
    }

    // MARK: Dead letters

    /// Java's producers and brokers take 1,048,588 bytes by their standard settings, librdkafka's producer 1,000,000.
    @Test(
        arguments: [
            (1_000_001, WorkerSettings.Guarantee.exactlyOnce), (1_048_588 - 300, .atLeastOnce),
            (1_048_588, .exactlyOnce),
            (1_048_589, .atLeastOnce),
        ])
    func aLargeMessageThatIsNoEventIsADeadLetter(bytes: Int, guarantee: WorkerSettings.Guarantee) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = guarantee
        let settings = rig.settings
        let good = [SampleEvent(invoice: "1").json, SampleEvent(invoice: "2").json]
        let bad = [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
        try Self.publish([good[0], bad, good[1]], settings)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed == 3 }
        }
        #expect(try WorkerTests.predictions(2, settings).count == 2)
        let letter = try #require(try Self.letters(1, settings).first)
        #expect(letter.headers["dead_letter.offset"] == "1")
        if bytes < 1_048_500 {
            #expect(letter.value == bad && letter.headers["dead_letter.truncated"] == nil)
        } else {
            #expect(letter.headers["dead_letter.truncated"] == "\(bytes)")
            #expect(letter.value == Array(bad.prefix(1024)))
        }
    }

    @Test func aStubHasRoomWhateverItsMessageHas() {
        // Nothing here is sent: a header list and a key of a size are enough.
        let own = RecordLimits.size(of: [Header("dead_letter.reason", String(repeating: "r", count: 200))])
        #expect(own < 300)
        let limits = RecordLimits(["a": 5000, "b": 2_000_000], properties: ["message.max.bytes": "1500000"])
        #expect(limits.limit(of: "a") == 5000)
        #expect(limits.limit(of: "b") == 1_500_000)
        #expect(limits.limit(of: "c") == 1_048_588)
        let properties = limits.properties(for: ["a", "b"])
        #expect(properties["message.max.bytes"] == "1500000" && properties["batch.size"] == "5000")
        #expect(RecordLimits(["a": 10]).properties(for: ["a"])["message.max.bytes"] == "1000")
    }

    // MARK: The broker's answer

    /// A batch is refused once, for whatever reason: each of its records is sent again, alone.
    @Test(arguments: [WorkerSettings.Guarantee.exactlyOnce, .atLeastOnce])
    func whatWasRefusedOnceIsSentAgain(guarantee: WorkerSettings.Guarantee) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = guarantee
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages, settings)
        rig.broker.fail(.produce, with: [.messageTooLarge])
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed >= messages.count }
        }
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.last?.value } == payloads.map { Array($0.utf8) })
        #expect(worker.counters.snapshot.refused == 0)
    }

    @Test func whatIsAlwaysRefusedIsNamed() async throws {
        let rig = try WorkerRig(partitions: 1)
        let (messages, _) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages, rig.settings)
        rig.broker.fail(.produce, with: .init(repeating: .messageTooLarge, count: 100_000))
        let worker = try rig.worker()
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        let text = error?.description ?? ""
        #expect(
            text.contains("customer-events/0/") && text.contains("refused by topic purchase-predictions"), "\(text)")
        #expect(text.contains("MSG_SIZE_TOO_LARGE") && text.contains("output.when_refused: dead_letter"), "\(text)")
    }
}

/// Beside a broker that tells of its topics' settings.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct TopicLimitTests {
    /// Of two customers one has a name that makes predictions too large for their topic.
    func settings(_ broker: BrokerProcess, _ policy: WorkerSettings.RefusalPolicy) throws -> WorkerSettings {
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers, "session.timeout.ms": "6000"]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.commitIntervalMilliseconds = 100
        settings.checkpoints = .none
        settings.whenRefused = policy
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        for topic in settings.topics {
            let configuration = topic == settings.outputTopic ? ["max.message.bytes": "900"] : [:]
            _ = try admin.createTopic(topic, partitions: 1, configuration: configuration)
        }
        let long = String(repeating: "c", count: 600)
        try RefusalTests.publish(
            [("a", "1"), (long, "2"), ("a", "3")].map { SampleEvent(customer: $0, invoice: $1).json }, settings)
        return settings
    }

    func worker(_ settings: WorkerSettings) throws -> Worker {
        try Worker(settings: settings, artifact: try .init(path: Checkout.models), logger: .init(label: "test"))
    }

    @Test func aPredictionThatIsTooLargeForItsTopicIsNamed() async throws {
        let broker = try BrokerProcess()
        let worker = try worker(settings(broker, .stop))
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        let text = error?.description ?? ""
        #expect(text.contains("customer-events[0]@1") && text.contains("900 at most"), "\(text)")
    }

    @Test func itsMessageIsADeadLetterWhereThatIsConfigured() async throws {
        let broker = try BrokerProcess()
        let settings = try settings(broker, .deadLetter)
        let worker = try worker(settings)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        let letters = try RefusalTests.letters(1, settings)
        try wait(for: "everything to be committed") { worker.counters.snapshot.committed == 3 }
        worker.requestStop()
        try await running.value
        #expect(worker.counters.snapshot.refused == 1)
        #expect(letters[0].headers["dead_letter.offset"] == "1")
        #expect(letters[0].headers["dead_letter.reason"]?.contains("900 at most") == true)
    }
}
