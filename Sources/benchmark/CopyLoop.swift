import Foundation
import Kafka
import Synchronization
import Worker

/// A thread that copies messages unchanged from the input topic to the output topic.
///
/// Unchecked: only the thread uses the properties that are not atomic.
final class CopyLoop: @unchecked Sendable {
    private let settings: WorkerSettings
    private let isDone = Atomic(false)
    private let hasStopped = DispatchSemaphore(value: 0)

    init(_ settings: WorkerSettings) { self.settings = settings }

    func start() throws {
        let consumer = try Consumer(
            properties: settings.kafkaProperties.consumer.merging(["group.id": "copy-loop"]) { $1 })
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        let topic = try producer.topic(named: settings.outputTopic)
        try consumer.assign(
            (0..<Int32(2)).map { number in
                let partition = TopicPartition(topic: settings.inputTopic, partition: number)
                let end = try consumer.watermarks(of: partition, timeoutMilliseconds: 5000).high
                return PartitionOffset(partition, offset: end)
            })
        let work = Clients(consumer: consumer, producer: producer, topic: topic)
        Thread { [self] in
            do { try run(work) } catch { FileHandle.standardError.write(Data("copy loop: \(error)\n".utf8)) }
            work.consumer.close()
            work.producer.close()
            hasStopped.signal()
        }.start()
    }

    /// Unchecked: only one thread uses it.
    private struct Clients: @unchecked Sendable {
        let consumer: Consumer
        let producer: Producer
        let topic: Topic
    }

    private func run(_ clients: Clients) throws {
        let batch = MessageBatch(capacity: settings.batchMessages)
        while !isDone.load(ordering: .relaxed) {
            try clients.consumer.poll(into: batch, timeoutMilliseconds: settings.pollMilliseconds)
            for position in 0..<batch.count {
                let message = batch[position]
                try clients.producer.produce(
                    to: clients.topic, key: message.key, value: message.value,
                    timestampMilliseconds: message.timestampMilliseconds)
            }
            clients.producer.poll()
        }
    }

    /// Waits until the thread has ended.
    func stop() {
        isDone.store(true, ordering: .relaxed)
        hasStopped.wait()
    }
}
