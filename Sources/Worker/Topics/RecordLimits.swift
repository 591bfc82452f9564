import Events
import Kafka

/// How large the records of each topic may be, as its broker says.
struct RecordLimits: Sendable {
    /// What brokers allow unless told otherwise: the largest batch, headers and all, in bytes.
    static let standard = 1_048_588

    /// By topic; a topic whose broker does not say has `standard`.
    private let bytes: [String: Int]
    /// What the configuration allows the producer to send.
    private let configured: Int?

    /// - Parameters:
    ///   - bytes: `max.message.bytes` of the topics whose brokers say.
    ///   - properties: the configuration's, of producers.
    init(_ bytes: [String: Int] = [:], properties: [String: String] = [:]) {
        self.bytes = bytes
        configured = properties["message.max.bytes"].flatMap { Int($0) }
    }

    /// The largest record of a topic, by `size(key:value:headers:)`.
    func limit(of topic: String) -> Int { min(bytes[topic] ?? Self.standard, configured ?? .max) }

    /// librdkafka's properties by which a producer sends whatever one of these topics takes, and no batch that one of them does
    /// not.
    func properties(for topics: [String]) -> [String: String] {
        let limits = topics.map { limit(of: $0) }
        guard let largest = limits.max(), let smallest = limits.min() else { return [:] }
        return [
            "message.max.bytes": "\(min(max(largest, 1000), 1_000_000_000))",
            "batch.size": "\(min(max(smallest, 1), 1_000_000))",
        ]
    }

    /// Bytes that a record takes in a batch of its own, at most: version 2 of the format, uncompressed
    /// (https://kafka.apache.org/documentation/#recordbatch).
    @inline(__always)
    static func size(key: Int, value: Int, headers: Int = 0) -> Int { 61 + 40 + key + value + headers }

    /// Bytes that headers take in a record, at most.
    static func size(of headers: [Header]) -> Int {
        headers.reduce(0) { $0 + $1.name.count + ($1.value?.count ?? 0) + 10 }
    }
}

extension TopicCheck {
    /// What the brokers of these topics say of their records' sizes.
    func recordLimits(of topics: [String]) throws -> RecordLimits {
        var limits: [String: Int] = [:]
        for topic in topics {
            // A broker that does not say it of one topic does not say it of others.
            guard
                let text = try? admin.property(
                    "max.message.bytes", ofTopic: topic, timeoutMilliseconds: min(settings.startupMilliseconds, 5000)),
                let limit = Int(text), limit > 0
            else { break }
            limits[topic] = limit
        }
        return RecordLimits(limits, properties: settings.kafkaProperties.producer)
    }

    /// - Throws: `WorkerError` when a checkpoint topic does not take the largest record of a checkpoint.
    func requireRoom(for topic: String, _ limits: RecordLimits) throws {
        let needed = RecordLimits.size(key: CustomerEvent.identifierLimit, value: TopicCheckpoints.partLimit + 64)
        guard limits.limit(of: topic) < needed else { return }
        throw WorkerError(
            "checkpoint topic \(topic) takes records of \(limits.limit(of: topic)) bytes at most, and those of large customers take "
                + "\(needed): raise its max.message.bytes, and kafka_producer.message.max.bytes if that is set")
    }
}
