import Foundation
import Kafka

/// librdkafka's properties for a worker's clients: the configuration's, over the profile's, over the standard ones, below
/// those that the worker depends on.
package struct KafkaProperties: Sendable {
    private let settings: WorkerSettings
    private static let standard = ["bootstrap.servers": "localhost:9092", "client.id": "future-cart"]

    /// So that a consumer that is fast never waits for its own librdkafka, which ceases to fetch for a second once 100,000 messages
    /// are queued. From 2.2 on that pause can be set; before, as many messages are queued as a second takes, and of them no
    /// more than 64 MiB.
    private static var readingAhead: [String: String] {
        Library.isOlder(than: 2, 2, 0)
            ? ["queued.min.messages": "400000", "queued.max.messages.kbytes": "65536"]
            : ["fetch.queue.backoff.ms": "5"]
    }

    /// A killed worker's transaction holds readers up until it times out.
    private static let transactionTimeoutMilliseconds = 20_000

    init(_ settings: WorkerSettings) { self.settings = settings }

    /// After this the broker aborts a transaction that is still open; `nil` where the configuration's value is no number.
    var transactionTimeoutMilliseconds: Int? {
        guard let text = producer["transaction.timeout.ms"] else { return Self.transactionTimeoutMilliseconds }
        return Int(text)
    }

    /// Of a client that neither consumes in the group nor publishes predictions.
    package var client: [String: String] { Self.standard.merging(settings.kafka) { $1 } }

    /// Of a consumer of checkpoints.
    var checkpointReader: [String: String] { client.merging(settings.kafkaConsumer) { $1 } }

    /// Where a partition begins that has no committed offset, as the configuration says.
    var offsetReset: String {
        settings.kafkaConsumer["auto.offset.reset"] ?? settings.kafka["auto.offset.reset"] ?? "earliest"
    }

    /// A member that was killed is noticed after this time, milliseconds; `nil` where the broker decides, or the
    /// configuration's value is no number.
    var sessionTimeoutMilliseconds: Int? { consumer["session.timeout.ms"].flatMap { Int($0) } }

    /// How members of a group find out about each other. With the newer protocol (KIP-848) the broker decides all of that, and
    /// librdkafka refuses the properties.
    private var membership: [String: String] {
        let configured = settings.kafkaConsumer["group.protocol"] ?? settings.kafka["group.protocol"]
        if configured?.lowercased() == "consumer" { return [:] }
        return [
            "partition.assignment.strategy": "cooperative-sticky",
            // In place of 45 s, for which nobody would score a killed worker's customers.
            "session.timeout.ms": "10000", "heartbeat.interval.ms": "2000",
        ]
    }

    /// Of a consumer in the worker's group.
    package var consumer: [String: String] {
        Self.standard
            .merging(["enable.auto.offset.store": "false"]) { $1 }
            .merging(membership) { $1 }
            .merging(Self.readingAhead) { $1 }
            .merging(settings.profile.consumer) { $1 }
            .merging(settings.kafka) { $1 }.merging(settings.kafkaConsumer) { $1 }
            // The worker says where reading starts; an offset that is not in the log is an error, never another offset.
            .merging(["group.id": settings.group, "enable.auto.commit": "false", "auto.offset.reset": "error"]) { $1 }
    }

    /// Of the consumer of one of the worker's threads. Static members are told apart by their threads: two of one name would
    /// throw each other out of the group.
    func consumer(thread: Int) -> [String: String] {
        var properties = consumer
        // The last offsets of a log may be no messages: its end tells that all of it has been read.
        properties["enable.partition.eof"] = "true"
        // A worker of a name of its own gets its partitions back when it comes back, without the group's waiting for it.
        if let instance = settings.instance, properties["group.instance.id"] == nil {
            properties["group.instance.id"] = instance
        }
        if settings.threads > 1, let instance = properties["group.instance.id"] {
            properties["group.instance.id"] = "\(instance)-\(thread)"
        }
        return properties
    }

    /// Of a producer without transactions.
    package var producer: [String: String] {
        // Keys land where Kafka's own clients put them.
        Self.standard
            .merging([
                "enable.idempotence": "true", "partitioner": "murmur2_random",
                // A delivery needs no report: a flush, or a transaction's commit, tells.
                "delivery.report.only.error": "true",
            ]) { $1 }
            .merging(settings.profile.producer) { $1 }
            .merging(settings.kafka) { $1 }.merging(settings.kafkaProducer) { $1 }
    }

    /// Of the producer of one of the worker's threads.
    /// - Parameter limits: of the topics that it writes to, which its own follow unless they are configured.
    func producer(thread: Int, _ limits: RecordLimits) -> [String: String] {
        let producer = limits.properties(for: settings.writtenTopics).merging(self.producer) { $1 }
        guard settings.guarantee == .exactlyOnce else { return producer }
        let process = ProcessInfo.processInfo
        let instance = settings.instance ?? "\(process.hostName)-\(process.processIdentifier)"
        return ["transaction.timeout.ms": "\(Self.transactionTimeoutMilliseconds)"].merging(producer) { $1 }
            .merging(["transactional.id": "\(settings.group)-\(instance)-\(thread)"]) { $1 }
    }
}

extension WorkerSettings {
    /// librdkafka's properties for the worker's clients.
    package var kafkaProperties: KafkaProperties { KafkaProperties(self) }
}

extension WorkerSettings.Profile {
    var consumer: [String: String] {
        switch self {
        case .balanced: [:]
        case .latency: ["fetch.wait.max.ms": "5"]
        case .throughput: [:]
        }
    }

    var producer: [String: String] {
        switch self {
        case .balanced: ["linger.ms": "5"]
        case .latency: ["linger.ms": "0"]
        case .throughput: ["linger.ms": "20", "queue.buffering.max.messages": "1000000"]
        }
    }
}
