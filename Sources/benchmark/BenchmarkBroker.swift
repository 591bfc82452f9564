import Events
import Foundation
import Kafka
import LocalCluster
import Worker

/// A broker that is started for one benchmark, with its own temporary directory.
final class BenchmarkBroker {
    private let broker: LocalBroker
    let directory: String

    var bootstrapServers: String { broker.bootstrapServers }

    init(command: String) throws {
        directory = NSTemporaryDirectory() + "/benchmark-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        broker = try LocalBroker(command: command, directory: directory)
    }

    /// The settings of a worker that uses this broker only, and writes nothing but predictions.
    func settings(_ settings: WorkerSettings) -> WorkerSettings {
        var settings = settings
        settings.confine(to: broker.bootstrapServers)
        settings.checkpoints = .none
        settings.deadLetterTopic = nil
        return settings
    }

    func create(_ topics: [String], partitions: Int) throws { try broker.create(topics, partitions: partitions) }

    /// Publishes messages to a topic, all messages of a customer to the same partition.
    ///
    /// - Returns: How many of them lead to a prediction, because they name a customer.
    @discardableResult
    func fill(_ topic: String, with messages: Messages, settings: WorkerSettings) throws -> Int {
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        defer { producer.close() }
        let topic = try producer.topic(named: topic)
        let decoder = EventDecoder()
        var known = 0
        try messages.each { message in
            let customer = try decoder.event(in: message).customerID
            if !customer.isEmpty { known += 1 }
            try producer.produce(to: topic, key: customer.isEmpty ? nil : customer, value: message)
        }
        try producer.flush(timeoutMilliseconds: 60_000)
        return known
    }

    /// Deletes topics that have been measured, to free the broker's memory. A broker that does not delete topics is fine.
    func delete(_ topic: String) { try? broker.delete(topic) }

    func close() {
        broker.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
