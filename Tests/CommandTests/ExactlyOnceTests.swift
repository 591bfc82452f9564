import Customers
import Ensemble
import Events
import Foundation
import Kafka
import LocalCluster
import Scoring
import TestSupport
import Testing

@testable import Worker

/// Workers as processes of their own beside a broker with real transactions.
@Suite(.alone, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct ExactlyOnceTests {
    /// A made-up shop's events and the payloads that a replay gives them, by customer.
    struct Shop {
        var messages: [(key: [UInt8], value: [UInt8])] = []
        var payloads: [String: [String]] = [:]

        init(customers: Int, days: Int) throws {
            var scorer = Scorer(artifact: try ModelArtifact(path: Checkout.models))
            var table = CustomerTable()
            let encoder = EventEncoder()
            let shop = ShopGenerator(customers: customers, days: days, seed: 31)
            let eventDecoder = EventDecoder()
            while let fields = shop.nextFields() {
                var value: [UInt8] = []
                encoder.append(fields, to: &value)
                messages.append((Array(fields[.customerID].bytes), value))
                let event = try eventDecoder.event(of: fields)
                if !event.isAnonymous { scorer.add(event, tag: 0, to: &table) }
            }
            scorer.score { prediction in
                payloads[String(decoding: prediction.customerID, as: UTF8.self), default: []].append(
                    String(decoding: prediction.payload, as: UTF8.self))
            }
        }
    }

    let broker: BrokerProcess
    let directory: TemporaryDirectory
    static let topics = ["customer-events", "purchase-predictions", "customer-events-dead-letters"]

    init() throws {
        broker = try BrokerProcess()
        directory = try TemporaryDirectory()
        let admin = try Admin(properties: properties)
        defer { admin.close() }
        for topic in Self.topics { _ = try admin.createTopic(topic, partitions: 3) }
    }

    var properties: [String: String] { ["bootstrap.servers": broker.bootstrapServers] }

    func worker(_ number: Int, _ more: [String] = [], fileLimit: Int? = nil) throws -> ChildProcess {
        try ChildProcess(
            worker: [
                "run", "--set", "http.enabled=false", "--set", "checkpoints.directory=\(directory.path)/checkpoints",
                "--set",
                "kafka.bootstrap.servers=\(broker.bootstrapServers)", "--set", "commit.interval=200ms",
                "--set", "kafka.session.timeout.ms=6000", "--set", "kafka.transaction.timeout.ms=5000",
                "--set", "processing.instance=w\(number)",
                // A member that comes back under its name takes its partitions up again at once.
                "--set", "kafka_consumer.group.instance.id=w\(number)",
            ] + more, log: "\(directory.path)/worker-\(number).log", fileLimit: fileLimit)
    }

    func publish(_ messages: some Sequence<(key: [UInt8], value: [UInt8])>) throws {
        let producer = try Producer(properties: properties.merging(["partitioner": "murmur2_random"]) { $1 })
        defer { producer.close() }
        let topic = try producer.topic(named: "customer-events")
        for (key, value) in messages {
            try key.withUnsafeBytes { key in
                try value.withUnsafeBytes {
                    try producer.produce(to: topic, key: key.isEmpty ? nil : key, value: $0)
                }
            }
        }
        try producer.flush(timeoutMilliseconds: 30_000)
    }

    /// Every committed message of a topic once there are so many, and those that come within the second after: nothing may.
    ///
    /// Each attempt reads from the beginning. To a reader that goes on behind an aborted transaction the test broker names
    /// that transaction once more, and the client then drops what later transactions of the same producer hold.
    func read(_ topic: String, count: Int) throws -> [CommittedRecord] {
        let deadline = ContinuousClock.now + .seconds(120)
        var records = try CommittedRecord.all(of: topic, properties: properties)
        while records.count < count, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.3)
            records = try CommittedRecord.all(of: topic, properties: properties)
        }
        Thread.sleep(forTimeInterval: 1)
        return try CommittedRecord.all(of: topic, properties: properties)
    }

    @Test func everyEventHasOnePredictionThroughKills() throws {
        let shop = try Shop(customers: 600, days: 300)
        let expected = shop.payloads.values.reduce(0) { $0 + $1.count }
        var random = SplitMix64(seed: 5)
        var worker = try worker(0)
        // Published in pieces, so that there is work whenever the worker dies.
        let pieces = 10
        for piece in 0..<pieces {
            try worker.waitForLog("partition assigned", count: 3 * (piece + 1))
            let range = (shop.messages.count * piece / pieces)..<(shop.messages.count * (piece + 1) / pieces)
            try publish(shop.messages[range])
            // Before, within and after its commits, which come every 200 ms.
            Thread.sleep(forTimeInterval: 0.3 * random.uniform())
            worker.kill()
            worker = try self.worker(0)
        }
        let found = try read("purchase-predictions", count: expected)
        #expect(worker.terminate(seconds: 60) == 0, "\(worker.log)")
        #expect(found.count == expected, "none missing, none twice: \(worker.log.suffix(4000))")
        #expect(Set(found.map(\.source)).count == found.count, "one prediction for each event")
        var byCustomer: [String: [CommittedRecord]] = [:]
        for record in found { byCustomer[record.key, default: []].append(record) }
        var wrong = 0
        for (customer, payloads) in shop.payloads {
            let ours = (byCustomer[customer] ?? []).sorted { $0.sourceOffset < $1.sourceOffset }.map(\.value)
            if ours != payloads { wrong += 1 }
        }
        #expect(wrong == 0, "customers whose predictions are not those of a replay")
    }

    @Test func aTopicThatIsNotThereIsNamed() throws {
        let servers = ["--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)"]
        let inspected = try Command(
            "scoring-worker",
            ["inspect", "--write", "\(directory.path)/format.yaml", "--set", "input.topic=absent"] + servers)
        #expect(inspected.status == 1 && inspected.error.contains("there is no topic absent"), "\(inspected.error)")
        #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/format.yaml"))
        let trained = try Command(
            "trainer",
            [
                "train", "--from-topic", "absent", "--brokers", broker.bootstrapServers, "--models",
                "\(directory.path)/m",
                "--report", "\(directory.path)/r",
            ])
        #expect(trained.status == 1 && trained.error.contains("there is no topic absent"), "\(trained.error)")
    }

    @Test func sendsWhatIsNoEventToTheDeadLetters() throws {
        let shop = try Shop(customers: 20, days: 60)
        let good = Array(shop.messages.prefix(200))
        let bad: [(key: [UInt8], value: [UInt8])] = (0..<20).map {
            (Array("k\($0)".utf8), Array("{\"broken\":\($0)".utf8))
        }
        try publish(good + bad)
        let worker = try worker(0)
        let letters = try read("customer-events-dead-letters", count: 20)
        #expect(worker.terminate(seconds: 60) == 0, "\(worker.log)")
        #expect(letters.count == 20)
        #expect(Set(letters.map(\.value)) == Set(bad.map { String(decoding: $0.value, as: UTF8.self) }))
        for letter in letters {
            #expect(letter.headers["dead_letter.topic"] == "customer-events")
            #expect(letter.headers["dead_letter.reason"]?.contains("not JSON") == true)
            #expect(Int(letter.headers["dead_letter.offset"] ?? "") != nil)
            #expect(letter.key == "k\(letter.value.filter(\.isNumber))")
        }
    }

    @Test func deadLettersAreDrivenAgainAfterAFixAndCountOnce() throws {
        let shop = try Shop(customers: 30, days: 80)
        // Under another name for one field, which the worker does not know at first.
        let messages = shop.messages.filter { !$0.key.isEmpty }.map { key, value in
            (
                key: key,
                value: Array(String(decoding: value, as: UTF8.self).replacing("\"quantity\"", with: "\"qty\"").utf8)
            )
        }
        let (early, late) = (messages.dropLast(40), messages.suffix(40))
        try publish(early)
        let broken = try worker(0, ["--set", "dead_letters.max_fraction=1"])
        let letters = try read("customer-events-dead-letters", count: early.count)
        #expect(broken.terminate(seconds: 60) == 0, "\(broken.log)")
        #expect(letters.count == early.count)

        let fix = ["--set", "fields.quantity=qty"]
        func redrive(_ fix: [String]) throws -> String {
            let done = try Command(
                "scoring-worker", ["redrive", "--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)"] + fix)
            #expect(done.status == 0, "\(done.error)")
            return done.output
        }
        // Too early: that buries nothing.
        #expect(
            try redrive([]).hasPrefix("0 dead letters driven again to customer-events, \(early.count) still no events"))
        #expect(
            try redrive(fix).hasPrefix("\(early.count) dead letters driven again to customer-events, 0 still no events")
        )
        #expect(try redrive(fix).hasPrefix("0 dead letters driven again"))
        let mended = try worker(0, fix)
        _ = try read("purchase-predictions", count: early.count)
        try publish(late)
        let found = try read("purchase-predictions", count: messages.count)
        #expect(mended.terminate(seconds: 60) == 0, "\(mended.log)")
        #expect(found.count == messages.count, "each letter and each later event has one prediction")
        // Had the letters counted twice, or not at all, these would be other ones.
        let ends = shop.payloads.values.compactMap(\.last).filter { payload in found.contains { $0.value == payload } }
        #expect(ends.count == shop.payloads.count)
    }

    @Test func theStreamGoesOnWhenTheDiskIsFull() throws {
        let shop = try Shop(customers: 400, days: 150)
        let expected = shop.payloads.values.reduce(0) { $0 + $1.count }
        let worker = try worker(0, ["--set", "recovery.max_seconds=1"], fileLimit: 120)
        try publish(shop.messages)
        #expect(try read("purchase-predictions", count: expected).count == expected)
        try worker.waitForLog("checkpoint failed; the stream goes on", count: 1)
        #expect(worker.log.contains("File too large"), "\(worker.log)")
        #expect(worker.terminate(seconds: 60) == 0, "\(worker.log)")
        let left = FileManager.default.subpaths(atPath: "\(directory.path)/checkpoints") ?? []
        #expect(!left.contains { $0.hasSuffix("draft") }, "nothing half-written stays: \(left)")
    }

    @Test func stopsWhenTheStreamIsRotten() throws {
        try publish((0..<3000).map { (Array("k\($0)".utf8), Array("rotten".utf8)) })
        let worker = try worker(0)
        #expect(worker.wait(seconds: 60) == 1)
        #expect(worker.log.contains("more than dead_letters.max_fraction = 0.5 allows"))
        #expect(worker.log.contains("check fields: and events:"))
        #expect(worker.log.contains("run once with dead_letters.max_fraction: 1"))
        // The way through that the message names.
        let through = try self.worker(0, ["--set", "dead_letters.max_fraction=1"])
        #expect(try read("customer-events-dead-letters", count: 3000).count == 3000)
        #expect(through.terminate(seconds: 60) == 0, "\(through.log)")
        let good = try Shop(customers: 5, days: 20).messages.filter { !$0.key.isEmpty }
        try publish(good)
        let after = try self.worker(0)
        #expect(try read("purchase-predictions", count: good.count).count == good.count)
        #expect(after.terminate(seconds: 60) == 0, "\(after.log)")
    }
}
