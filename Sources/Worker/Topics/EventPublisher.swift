import Events
import Kafka

/// Puts messages with events on a topic, keyed by customer, so that each customer's events stay in order in one
/// partition. Owned by one thread.
package final class EventPublisher {
    private let producer: Producer
    private let topic: Topic
    /// Messages handed to Kafka so far.
    package private(set) var published = 0

    /// - Throws: `WorkerError` when Kafka does not answer or the topic is not there.
    package init(settings: WorkerSettings, topic name: String) throws {
        try TopicCheck(settings: settings).require([name])
        producer = try Producer(properties: settings.kafkaProperties.producer)
        topic = try producer.topic(named: name)
    }

    /// Queues one message; blocks while Kafka takes no more.
    /// - Parameter key: the customer's identifier as the event is understood; empty for none.
    package func publish(_ message: UnsafeRawBufferPointer, key: [UInt8]) throws(KafkaError) {
        do {
            try key.withUnsafeBytes { key in
                try producer.produce(to: topic, key: key.isEmpty ? nil : key, value: message)
            }
        } catch let error as KafkaError {
            throw error
        } catch {
            preconditionFailure("producing throws KafkaError alone")
        }
        published += 1
        if published % 256 == 0 { serve() }
        if let error = producer.deliveryError { throw error }
    }

    /// Lets Kafka's reports through.
    package func serve() { producer.poll() }

    /// Waits until everything is on the topic.
    package func flush() throws(KafkaError) { try producer.flush(timeoutMilliseconds: 60_000) }

    /// Messages that Kafka has taken, as far as its reports have come.
    package var delivered: Int { producer.delivered }

    /// Drops what is not on the topic yet.
    package func close() { producer.close() }
}
