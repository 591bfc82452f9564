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

    /// Runs a worker until it is ready.
    /// - Returns: seconds from its start until it had its partitions and until it was ready.
    func ready(_ settings: WorkerSettings, partitions: Int) async throws -> (assigned: Double, ready: Double) {
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
        worker.requestStop()
        try await running.value
        return (assigned, ready)
    }

    @Test func partitionsWithoutState() async throws {
        for partitions in [1, 150] {
            let (assigned, ready) = try await ready(try settings(partitions: partitions), partitions: partitions)
            print("\(partitions) partitions without state: assigned after \(assigned) s, ready after \(ready) s")
        }
    }
}
