import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Scoring
import TestSupport
import Testing

@testable import Worker

@Suite(.waiting) struct WorkerTests {
    /// A generated shop's messages, the customer's first, and the payloads that a replay gives them.
    static func shop(
        customers: Int = 40, explainedFeatures: Int = 0
    ) throws -> (messages: [(key: [UInt8], value: [UInt8])], payloads: [String]) {
        var scorer = try Scorer(
            artifact: ModelArtifact(path: Checkout.models), explainedFeatures: explainedFeatures)
        var table = CustomerTable()
        let encoder = EventEncoder()
        let shop = ShopGenerator(customers: customers, days: 100, seed: 21)
        var messages: [(key: [UInt8], value: [UInt8])] = []
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            var value: [UInt8] = []
            encoder.append(fields, to: &value)
            messages.append((Array(fields[.customerID].bytes), value))
            let event = try eventDecoder.event(of: fields)
            if !event.isAnonymous { scorer.add(event, tag: 0, to: &table) }
        }
        var payloads: [String] = []
        scorer.score { payloads.append(String(decoding: $0.payload, as: UTF8.self)) }
        return (messages, payloads)
    }

    /// What a replay makes of these messages.
    static func payloads(_ messages: [[UInt8]]) throws -> [String] {
        var scorer = Scorer(artifact: try ModelArtifact(path: Checkout.models))
        var table = CustomerTable()
        let decoder = EventDecoder()
        for message in messages {
            try message.withUnsafeBytes { scorer.add(try decoder.event(in: $0), tag: 0, to: &table) }
        }
        var payloads: [String] = []
        scorer.score { payloads.append(String(decoding: $0.payload, as: UTF8.self)) }
        return payloads
    }

    static func publish(
        _ messages: some Sequence<(key: [UInt8], value: [UInt8])>, _ settings: WorkerSettings,
        partition: Int32 = 0
    ) throws {
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        defer { producer.close() }
        let topic = try producer.topic(named: settings.inputTopic)
        for (key, value) in messages {
            try key.withUnsafeBytes { key in
                try value.withUnsafeBytes {
                    try producer.produce(to: topic, partition: partition, key: key, value: $0)
                }
            }
        }
        try producer.flush(timeoutMilliseconds: 10_000)
    }

    static func predictions(_ count: Int, _ settings: WorkerSettings) throws -> [String] {
        try records(count, settings).map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The predictions of so many events and what is repeated of them, in the order of the input.
    static func records(_ count: Int, _ settings: WorkerSettings) throws -> [TopicReader.Record] {
        let reader = try TopicReader(topic: settings.outputTopic, properties: settings.kafkaProperties.client)
        var found: [TopicReader.Record] = []
        var offsets: [Int32: Set<Int64>] = [:]
        try wait(for: "\(count) predictions") {
            try reader.read {
                found.append($0)
                offsets[$0.sourcePartition, default: []].insert($0.sourceOffset)
            }
            return offsets.values.reduce(0) { $0 + $1.count } >= count
        }
        return found.sorted { ($0.sourceOffset, $0.offset) < ($1.sourceOffset, $1.offset) }
    }

    @Test func namesTheMessageThatEachPredictionComesFrom() async throws {
        let rig = try WorkerRig(partitions: 2)
        let settings = rig.settings
        let (messages, payloads) = try Self.shop()
        try Self.publish(messages, settings, partition: 1)
        let found = try await rig.running(rig.worker()) { try Self.records(payloads.count, settings) }
        // Events of nobody have no key and no prediction.
        let sources = messages.indices.filter { !messages[$0].key.isEmpty }.map { Int64($0) }
        #expect(found.map(\.sourceOffset) == sources)
        #expect(found.allSatisfy { $0.sourcePartition == 1 })
    }

    @Test func explainsPredictionsAsAReplayDoes() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.explainedFeatures = 3
        rig.settings.batchMessages = 50
        let settings = rig.settings
        let (messages, payloads) = try Self.shop(explainedFeatures: 3)
        try Self.publish(messages, settings)
        let found = try await rig.running(rig.worker()) { try Self.predictions(payloads.count, settings) }
        #expect(found == payloads)
        #expect(found.allSatisfy { $0.contains(",\"explanation\":{\"model\":") })
    }

    @Test func carriesOnAfterARestartWithTheStateThatItHad() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let (messages, payloads) = try Self.shop()
        let half = messages.count / 2
        for part in [messages[..<half], messages[half...]] {
            let worker = try rig.worker()
            try await rig.running(worker) {
                try Self.publish(part, settings)
                try wait(for: "the messages") { worker.counters.snapshot.received == part.count }
            }
            let done = worker.counters.snapshot
            #expect(done.committed == part.count, "a worker that is told to stop commits what it has processed")
            #expect(done.restored == 0, "a clean stop leaves a checkpoint of everything")
        }
        let found = try Self.predictions(payloads.count, settings)
        #expect(found == payloads)
    }

    @Test func countsAndPassesOverWhatIsNoEvent() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let (messages, payloads) = try Self.shop(customers: 10)
        let broken = [
            "", "nonsense", "{}", "[1]",
            String(decoding: SampleEvent().json, as: UTF8.self).replacing(":6", with: ":\"six\""),
        ]
        var mixed: [(key: [UInt8], value: [UInt8])] = []
        for (index, message) in messages.enumerated() {
            if index < 50 { mixed.append((key: [1], value: Array(broken[index % broken.count].utf8))) }
            mixed.append(message)
        }
        let all = mixed
        let worker = try rig.worker()
        try await rig.running(worker) {
            try Self.publish(all, settings)
            try wait(for: "the messages") { worker.counters.snapshot.received == all.count }
        }
        #expect(worker.counters.snapshot.rejected == 50)
        #expect(worker.counters.snapshot.scored == payloads.count)
        #expect(try Self.predictions(payloads.count, settings) == payloads)
    }

    @Test func commitsNothingThatItCouldNotPublish() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let (messages, payloads) = try Self.shop(customers: 5)
        try Self.publish(messages, settings)
        // 29: the output topic may not be written to.
        rig.broker.fail(.produce, with: [EmbeddedBroker.Fault](repeating: .init(code: 29), count: 50))
        let failing = try rig.worker()
        let error = await #expect(throws: WorkerError.self) { try await failing.run() }
        #expect(error?.description.contains("what this client may do there") == true, "\(error!)")
        #expect(failing.counters.snapshot.committed == 0)

        rig.broker.clearFaults(of: .produce)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
        }
        #expect(worker.counters.snapshot.restored == 0, "nothing was committed, so everything is live")
        #expect(try Self.predictions(payloads.count, settings) == payloads)
    }

    @Test func beginsAsANewGroupWhereTheCommittedOffsetIsNotInTheLogAndThatIsWanted() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.whenOffsetsAreGone = .reset
        let settings = rig.settings
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer)
        try consumer.commit([PartitionOffset(topic: settings.inputTopic, partition: 0, offset: 100_000)])
        consumer.close()
        let (messages, payloads) = try Self.shop(customers: 5)
        try Self.publish(messages, settings)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
        }
        #expect(worker.counters.snapshot.scored == payloads.count)
    }

    @Test func saysThatKafkaDoesNotAnswer() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.kafka["bootstrap.servers"] = "127.0.0.1:1"
        rig.settings.startupMilliseconds = 300
        let worker = try rig.worker()
        do {
            try await worker.run()
            Issue.record("a worker ran without Kafka")
        } catch let error as WorkerError {
            #expect(error.description.contains("no connection to Kafka at 127.0.0.1:1: nothing listens"))
        }
    }

    @Test func refusesAnUnknownKafkaProperty() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.kafka["fetch.wait.mx.ms"] = "1"
        let worker = try rig.worker()
        do {
            try await worker.run()
            Issue.record("a worker ran with a property that does not exist")
        } catch { #expect("\(error)".contains("fetch.wait.mx.ms")) }
    }
}
