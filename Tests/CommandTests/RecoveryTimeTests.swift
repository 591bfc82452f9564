import Events
import Foundation
import Kafka
import LocalCluster
import TestSupport
import Testing

/// How long a worker with much state takes to be back after a kill. Times are printed and not asserted: machines differ.
@Suite(.night, .alone, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct RecoveryTimeTests {
    static let partitions = 12
    let directory: TemporaryDirectory
    let broker: BrokerProcess
    var properties: [String: String] { ["bootstrap.servers": broker.bootstrapServers] }

    init() throws {
        directory = try TemporaryDirectory()
        broker = try BrokerProcess()
        let admin = try Admin(properties: properties)
        defer { admin.close() }
        for topic in ExactlyOnceTests.topics { _ = try admin.createTopic(topic, partitions: Self.partitions) }
    }

    func worker() throws -> ChildProcess {
        try ChildProcess(
            worker: [
                "run", "--set", "http.enabled=false", "--set", "checkpoints.directory=\(directory.path)/checkpoints",
                "--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)", "--set", "recovery.max_seconds=5",
                "--set", "kafka.session.timeout.ms=6000", "--set", "processing.instance=w",
                "--set", "kafka_consumer.group.instance.id=w",
            ], log: "\(directory.path)/worker.log")
    }

    /// How many events of the input the group has committed.
    func committed() throws -> Int {
        let consumer = try Consumer(properties: properties.merging(["group.id": "future-cart"]) { $1 })
        defer { consumer.close() }
        let partitions = (0..<Int32(Self.partitions)).map { TopicPartition(topic: "customer-events", partition: $0) }
        return try consumer.committed(partitions, timeoutMilliseconds: 10_000).reduce(0) { $0 + max(0, Int($1.offset)) }
    }

    @Test func twelvePartitionsAfterAKill() throws {
        let published = try publish(customers: 20_000, days: 330)
        var worker = try worker()
        let deadline = ContinuousClock.now + .seconds(300)
        // Past the whole log and before a checkpoint of its end.
        while try committed() < published, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.2) }
        #expect(try committed() == published, "\(worker.log.suffix(4000))")
        worker.kill()
        try publishOneEach()
        let begun = ContinuousClock.now
        worker = try self.worker()
        while try committed() < published + Self.partitions, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.05)
        }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        #expect(try committed() == published + Self.partitions, "\(worker.log.suffix(4000))")
        // Lines of one kind are limited: some partitions may not be told of.
        let rebuilt = worker.lines(sinceStart: true).filter { $0.contains("state rebuilt") }
        let again = rebuilt.compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("messages=") }.flatMap {
                Int($0.dropFirst("messages=".count))
            }
        }
        print(
            "12 partitions, \(published) events, recovery.max_seconds 5: the first events after the kill committed in all of them "
                + "\(seconds) s after the restart; read again by \(again.count) of them: \(again)")
        #expect(again.reduce(0, +) < published, "checkpoints were used")
        #expect(worker.terminate(seconds: 60) == 0)
    }

    private func publishOneEach() throws {
        let producer = try Producer(properties: properties)
        defer { producer.close() }
        let topic = try producer.topic(named: "customer-events")
        for partition in 0..<Int32(Self.partitions) {
            try SampleEvent(customer: "new-\(partition)").json.withUnsafeBytes {
                try producer.produce(to: topic, partition: partition, key: nil, value: $0)
            }
        }
        try producer.flush(timeoutMilliseconds: 10_000)
    }

    /// - Returns: how many events.
    private func publish(customers: Int, days: Int) throws -> Int {
        let producer = try Producer(
            properties: properties.merging(["partitioner": "murmur2_random", "linger.ms": "5"]) { $1 })
        defer { producer.close() }
        let topic = try producer.topic(named: "customer-events")
        let decoder = EventDecoder()
        let shop = ShopGenerator(customers: customers, days: days, seed: 3)
        var published = 0
        while let message = shop.nextMessage() {
            let customer = try decoder.event(in: message).customerID
            try producer.produce(to: topic, key: customer.isEmpty ? nil : customer, value: message)
            published += 1
            if published % 256 == 0 { producer.poll() }
        }
        try producer.flush(timeoutMilliseconds: 60_000)
        return published
    }
}
