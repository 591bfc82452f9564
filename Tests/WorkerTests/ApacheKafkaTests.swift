import Kafka
import TestSupport
import Testing

@testable import Worker

/// What no development broker has. With KAFKA_HOME all other tests of broker processes run beside Apache Kafka too.
@Suite(.waiting, .enabled(if: BrokerProcess.isApacheKafka, Comment(rawValue: BrokerProcess.needsApacheKafka)))
struct ApacheKafkaTests {
    /// KIP-848: the broker deals the partitions out, and knows neither our session nor our strategy.
    @Test(.enabled(if: !Library.isOlder(than: 2, 12, 0), "this librdkafka has no group.protocol: consumer"))
    func aWorkerJoinsByTheNewerGroupProtocol() async throws {
        let rig = try ProcessRig(partitions: 4)
        var settings = rig.settings
        settings.kafkaConsumer = ["group.protocol": "consumer"]
        settings.commitIntervalMilliseconds = 200
        settings.threads = 2
        let (messages, _) = try WorkerTests.shop(customers: 30)
        for partition in 0..<Int32(4) { try WorkerTests.publish(messages, settings, partition: partition) }
        let worker = try rig.worker(settings)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "all messages") { worker.counters.snapshot.committed == 4 * messages.count }
        worker.requestStop()
        try await running.value
    }
}
