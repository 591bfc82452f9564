import Events
import Kafka

/// Puts events on a topic as JSON messages, keyed by customer, so that each customer's events stay in order in one
/// partition. Owned by one thread.
package final class EventPublisher {
    private let producer: Producer
    private let topic: Topic
    private let encoder: EventEncoder
    private let settings: WorkerSettings
    private var message: [UInt8] = []
    /// Events handed to Kafka so far.
    package private(set) var published = 0

    /// - Throws: `WorkerError` when Kafka does not answer or the topic is not there.
    package init(settings: WorkerSettings, topic name: String) throws {
        self.settings = settings
        encoder = EventEncoder(names: settings.fields)
        try TopicCheck(settings: settings).require([name])
        producer = try Producer(properties: settings.kafkaProperties.producer)
        topic = try producer.topic(named: name)
    }

    /// Queues one event; blocks while Kafka takes no more.
    /// - Parameter key: the customer's identifier as the event is understood; empty for none.
    package func publish(_ fields: EventFields, key: UnsafeRawBufferPointer) throws(KafkaError) {
        message.removeAll(keepingCapacity: true)
        encoder.append(fields, to: &message)
        do {
            try message.withUnsafeBytes { value in
                try producer.produce(to: topic, key: key.isEmpty ? nil : key, value: value)
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

    /// Drops what is not on the topic yet.
    package func close() { producer.close() }
}
