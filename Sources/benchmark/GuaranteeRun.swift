import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Monitoring
import Synchronization
import Worker

/// A broker and an ordinary worker with one processing guarantee and commit interval.
final class GuaranteeRun {
    private let broker: BenchmarkBroker
    private let settings: WorkerSettings
    private let artifact: ModelArtifact

    init(command: String, settings: WorkerSettings, artifact: ModelArtifact) throws {
        broker = try BenchmarkBroker(command: command)
        var settings = broker.settings(settings)
        settings.kafkaProducer["compression.type"] = "zstd"
        self.settings = settings
        self.artifact = artifact
        try broker.create([settings.inputTopic, settings.outputTopic], partitions: 2)
    }

    func close() { broker.close() }

    /// Events per second from a full topic, commits included, from the first to the last message handed to the producer.
    func throughput(events: Int) async throws -> Double {
        let shop = ShopGenerator(customers: 2 + events / 10, days: 365, seed: 1)
        let publisher = try EventPublisher(settings: settings, topic: settings.inputTopic)
        let decoder = EventDecoder()
        while publisher.published < events, let message = shop.nextMessage() {
            try publisher.publish(message, key: Array(decoder.event(in: message).customerID))
        }
        try publisher.flush()
        publisher.close()
        let events = publisher.published
        return try await withWorker { worker in
            while worker.counters.snapshot.received == 0 { Thread.sleep(forTimeInterval: 0.001) }
            let start = ContinuousClock.now
            while worker.counters.snapshot.received < events { Thread.sleep(forTimeInterval: 0.002) }
            return Double(events) / ((ContinuousClock.now - start) / .seconds(1))
        }
    }

    /// Latency from publishing an event to reading its committed prediction, at a steady rate.
    /// - Parameter beside: runs meanwhile on a thread of its own, until the measurement is over.
    func latency(
        rate: Int, seconds: Int,
        beside: @escaping @Sendable (_ worker: Worker, _ isOver: () -> Bool) -> Void = { _, _ in }
    ) async throws -> Histogram {
        try await withWorker { [settings] worker in
            while worker.counters.snapshot.partitions < 2 { Thread.sleep(forTimeInterval: 0.01) }
            let isOver = Flag()
            let ended = DispatchSemaphore(value: 0)
            Thread {
                beside(worker) { isOver.isSet }
                ended.signal()
            }.start()
            defer {
                isOver.set()
                ended.wait()
            }
            return try Self.latency(settings, rate: rate, seconds: seconds) { PredictionSource($0)?.timestamp }
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }

    /// The same latency through a loop that copies messages unchanged.
    func copyLatency(rate: Int, seconds: Int) async throws -> Histogram {
        // New topics, so that the worker starts at their beginning.
        var settings = settings
        settings.inputTopic = "copy-input"
        settings.outputTopic = "copy-output"
        try broker.create([settings.inputTopic, settings.outputTopic], partitions: 2)
        let loop = CopyLoop(settings)
        try loop.start()
        defer { loop.stop() }
        return try await withCheckedThrowingContinuation { [settings] continuation in
            Thread {
                continuation.resume(
                    with: Swift.Result {
                        try Self.latency(settings, rate: rate, seconds: seconds) { $0.timestampMilliseconds }
                    })
            }.start()
        }
    }

    /// - Parameter published: Returns when the source event of an output message was published, in milliseconds.
    private static func latency(
        _ settings: WorkerSettings, rate: Int, seconds: Int, published: (Message) -> Int64?
    ) throws -> Histogram {
        let reader = try Consumer(
            properties: settings.kafkaProperties.client.merging([
                "group.id": "latency", "isolation.level": "read_committed", "fetch.wait.max.ms": "5",
            ]) { $1 })
        defer { reader.close() }
        let ends = try (0..<Int32(2)).map { number in
            let partition = TopicPartition(topic: settings.outputTopic, partition: number)
            return PartitionOffset(
                partition, offset: try reader.watermarks(of: partition, timeoutMilliseconds: 5000).high)
        }
        try reader.assign(ends)
        let publisher = try EventPublisher(settings: settings, topic: settings.inputTopic)
        defer { publisher.close() }
        let shop = ShopGenerator(customers: 2 + rate * seconds / 10, days: 365, seed: 2)
        let decoder = EventDecoder()
        var latencies = Histogram()
        let batch = MessageBatch(capacity: 1000)
        let start = ContinuousClock.now
        var read = 0
        let wanted = rate * seconds
        let deadline = start + .seconds(seconds + 20)
        while read < wanted, ContinuousClock.now < deadline {
            let due = min(wanted, Int((ContinuousClock.now - start) / .seconds(1) * Double(rate)))
            while publisher.published < due, let message = shop.nextMessage() {
                let event = try decoder.event(in: message)
                // It leads to no prediction.
                if event.isAnonymous { continue }
                try publisher.publish(message, key: Array(event.customerID))
            }
            publisher.serve()
            try reader.poll(into: batch, timeoutMilliseconds: 1)
            let now = Date().timeIntervalSince1970 * 1000
            for position in 0..<batch.count {
                read += 1
                guard let sent = published(batch[position]) else { continue }
                latencies.record(now - Double(sent))
            }
        }
        return latencies
    }

    private func withWorker<Result: Sendable>(_ body: @escaping @Sendable (Worker) throws -> Result) async throws
        -> Result
    {
        var logger = Logger(label: "benchmark")
        logger.logLevel = .error
        let worker = try Worker(settings: settings, artifact: artifact, logger: logger)
        let running = Task { try await worker.run() }
        let result: Swift.Result<Result, any Error> = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: Swift.Result { try body(worker) }) }.start()
        }
        worker.requestStop()
        try await running.value
        return try result.get()
    }
}
