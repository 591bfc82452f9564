import Ensemble
import Kafka
import Logging
import TestSupport

@testable import Worker

/// A broker in a process of its own, and an exactly-once worker's settings for it.
final class ProcessRig {
    let broker: BrokerProcess
    let directory: TemporaryDirectory
    let artifact: ModelArtifact
    var settings = WorkerSettings()

    /// - Parameter partitions: of the topics that are made; `nil` to make none yet.
    init(partitions: Int? = nil) throws {
        broker = try BrokerProcess()
        directory = try TemporaryDirectory()
        artifact = try ModelArtifact(path: Checkout.models)
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.checkpointDirectory = directory.path + "/checkpoints"
        if let partitions { try createTopics(partitions: partitions) }
    }

    func createTopics(partitions: Int) throws { try create(settings.topics, partitions: partitions) }

    func create(_ topics: [String], partitions: Int) throws {
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        for topic in topics { try admin.createTopic(topic, partitions: partitions) }
    }

    /// - Parameter settings: the rig's own unless given.
    func worker(_ settings: WorkerSettings? = nil) throws -> Worker {
        try Worker(
            settings: settings ?? self.settings, artifact: artifact,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}
