import Ensemble
import Events
import Foundation
import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

/// How long workers take to be back. Times are printed and not asserted: machines differ.
@Suite(
    .night, .serialized, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct RecoveryTimeTests {
    let directory: TemporaryDirectory
    let broker: BrokerProcess
    let artifact: ModelArtifact

    init() throws {
        directory = try TemporaryDirectory()
        broker = try BrokerProcess()
        artifact = try ModelArtifact(path: Checkout.models)
    }

    func settings(partitions: Int) throws -> WorkerSettings {
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers, "session.timeout.ms": "6000"]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.group = "group-\(partitions)"
        settings.inputTopic = "events-\(partitions)"
        settings.checkpointDirectory = directory.path + "/checkpoints"
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        for topic in settings.topics { _ = try admin.createTopic(topic, partitions: partitions) }
        return settings
    }

    /// Runs a worker until it is ready and `body` returns.
    /// - Returns: seconds from its start until it had its partitions and until it was ready, and what it did until then.
    func ready(
        _ settings: WorkerSettings, partitions: Int, _ body: @escaping @Sendable (Worker) throws -> Void = { _ in }
    ) async throws -> (assigned: Double, ready: Double, done: WorkerCounters.Snapshot) {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let worker = try Worker(settings: settings, artifact: artifact, logger: logger)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        let begun = ContinuousClock.now
        func seconds(until isMet: () -> Bool) -> Double {
            while !isMet(), ContinuousClock.now - begun < .seconds(300) { Thread.sleep(forTimeInterval: 0.005) }
            return (ContinuousClock.now - begun) / .seconds(1)
        }
        let assigned = seconds { worker.status.partitions.count == partitions }
        let ready = seconds { worker.status.isReady }
        #expect(worker.status.isReady)
        let done = worker.counters.snapshot
        try body(worker)
        worker.requestStop()
        try await running.value
        return (assigned, ready, done)
    }

    @Test func partitionsWithoutState() async throws {
        for partitions in [1, 150] {
            let (assigned, ready, _) = try await ready(try settings(partitions: partitions), partitions: partitions)
            print("\(partitions) partitions without state: assigned after \(assigned) s, ready after \(ready) s")
        }
    }

    @Test func twelvePartitionsWithState() async throws {
        var settings = try settings(partitions: 12)
        settings.recoverySeconds = 5
        // As if it were killed: there is no time for last checkpoints.
        settings.shutdownMilliseconds = 0
        let published = try publish(customers: 20_000, days: 330, settings)
        let (_, _, first) = try await ready(settings, partitions: 12) { worker in
            let deadline = ContinuousClock.now + .seconds(300)
            while worker.counters.snapshot.committed < published, ContinuousClock.now < deadline {
                Thread.sleep(forTimeInterval: 0.1)
            }
            #expect(worker.counters.snapshot.committed == published)
        }
        #expect(first.restored == 0)
        let (assigned, ready, second) = try await ready(settings, partitions: 12)
        print(
            "12 partitions, \(published) events, \(second.customers) customers, recovery.max_seconds 5: assigned "
                + "after \(assigned) s, ready after \(ready) s, \(second.restored) messages read again")
        #expect(second.restored < published, "checkpoints were used")
    }

    /// - Returns: how many events.
    private func publish(customers: Int, days: Int, _ settings: WorkerSettings) throws -> Int {
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        defer { producer.close() }
        let topic = try producer.topic(named: settings.inputTopic)
        let encoder = EventEncoder()
        let shop = ShopGenerator(customers: customers, days: days, seed: 3)
        var message: [UInt8] = []
        var published = 0
        while let fields = shop.nextFields() {
            message.removeAll(keepingCapacity: true)
            encoder.append(fields, to: &message)
            let customer = fields[.customerID].bytes
            try message.withUnsafeBytes {
                try producer.produce(to: topic, key: customer.isEmpty ? nil : customer, value: $0)
            }
            published += 1
            if published % 256 == 0 { producer.poll() }
        }
        try producer.flush(timeoutMilliseconds: 60_000)
        return published
    }
}
