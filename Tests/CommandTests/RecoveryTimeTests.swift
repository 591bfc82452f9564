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
        worker = try self.worker()
        func lines(_ text: String) -> [Substring] { worker.lines(sinceStart: true).filter { $0.contains(text) } }
        func wait(forAll text: String) throws {
            while lines(text).count < Self.partitions, ContinuousClock.now < deadline {
                Thread.sleep(forTimeInterval: 0.02)
            }
            #expect(lines(text).count == Self.partitions, "\(text): \(worker.log.suffix(4000))")
        }
        try wait(forAll: "partition assigned")
        let assigned = ContinuousClock.now
        try wait(forAll: "state rebuilt")
        let seconds = (ContinuousClock.now - assigned) / .seconds(1)
        let rebuilt = lines("state rebuilt")
        func sum(_ key: String) -> Int {
            rebuilt.reduce(0) { sum, line in
                sum
                    + (line.split(separator: " ").first { $0.hasPrefix("\(key)=") }.flatMap {
                        Int($0.dropFirst(key.count + 1))
                    } ?? 0)
            }
        }
        print(
            "12 partitions, \(published) events, \(sum("customers")) customers, recovery.max_seconds 5: live \(seconds) s after the "
                + "assignment, \(sum("messages")) messages read again")
        #expect(sum("messages") < published, "checkpoints were used")
        #expect(worker.terminate(seconds: 60) == 0)
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
