import Ensemble
import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

/// Threads that leave a group whose broker has real transactions and real rebalances.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct LeavingTests {
    /// Threads of one worker leave one after the other, and each departure is a rebalance for those that are still there.
    @Test func threadsThatStopTogetherCommitWhatTheyHaveProcessed() async throws {
        let broker = try BrokerProcess()
        let directory = try TemporaryDirectory()
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.checkpointDirectory = directory.path + "/checkpoints"
        settings.threads = 4
        // What has not been committed when the worker is told to stop is all of it.
        settings.commitIntervalMilliseconds = 3_600_000
        settings.kafka["transaction.timeout.ms"] = "600000"
        settings.shutdownMilliseconds = 60_000
        let admin = try Admin(properties: settings.kafkaProperties.client)
        for topic in settings.topics { _ = try admin.createTopic(topic, partitions: 4) }
        admin.close()
        let (messages, _) = try WorkerTests.shop(customers: 60)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let worker = try Worker(
            settings: settings, artifact: try ModelArtifact(path: Checkout.models), logger: logger)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "a partition each") {
            let status = worker.status
            return status.isReady && Set(status.partitions.map(\.thread)).count == 4
        }
        for partition in 0..<Int32(4) { try WorkerTests.publish(messages, settings, partition: partition) }
        try wait(for: "the messages") { worker.counters.snapshot.received == 4 * messages.count }
        worker.requestStop()
        try await running.value
        #expect(worker.counters.snapshot.committed == 4 * messages.count)
    }
}
