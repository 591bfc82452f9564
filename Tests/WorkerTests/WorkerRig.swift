import CoreMetrics
import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Scoring
import TestSupport

@testable import Worker

/// An embedded broker with topics, an ordinary worker on it, and readers of what it publishes.
final class WorkerRig {
    let broker: EmbeddedBroker
    var settings = WorkerSettings()
    let directory: TemporaryDirectory
    let artifact: ModelArtifact

    init(partitions: Int, features: Bool = false) throws {
        broker = try EmbeddedBroker()
        directory = try TemporaryDirectory()
        artifact = try ModelArtifact(path: Checkout.models)
        settings.kafka = [
            "bootstrap.servers": broker.bootstrapServers, "fetch.wait.max.ms": "10", "session.timeout.ms": "6000",
        ]
        settings.commitIntervalMilliseconds = 100
        settings.checkpointDirectory = directory.path + "/checkpoints"
        // The embedded broker neither isolates transactions nor keeps their offsets.
        settings.guarantee = .atLeastOnce
        if features { settings.featuresTopic = "features" }
        for topic in settings.topics {
            _ = try broker.createTopic(topic, partitions: partitions)
        }
    }

    deinit { broker.close() }

    func worker(metrics: any MetricsFactory = NOOPMetricsHandler.instance) throws -> Worker {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return try Worker(settings: settings, artifact: artifact, metrics: metrics, logger: logger)
    }

    /// Offset of the newest checkpoint of partition 0 that a worker could begin with; 0 without one.
    func newestCheckpoint(below committed: Int) throws -> Int64 {
        let request = RestoreRequest(
            partition: TopicPartition(topic: settings.inputTopic, partition: 0), committed: Int64(committed),
            timeToLiveDays: settings.timeToLiveDays, progress: { _ in }, warn: { _ in })
        return try settings.makeCheckpointStore()?.restore(request).header?.offset ?? 0
    }

    /// Runs a worker while `body` works on its own thread, then stops it.
    func running<Result: Sendable>(_ worker: Worker, _ body: @escaping @Sendable () throws -> Result) async throws
        -> Result
    {
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        let result: Swift.Result<Result, any Error> = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: Swift.Result { try body() }) }.start()
        }
        worker.requestStop()
        try await running.value
        return try result.get()
    }
}

/// Waits for a condition. Beside other tests, a group may need several rounds of its session timeout to come together.
func wait(for what: String, _ isMet: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try !isMet() {
        guard ContinuousClock.now < deadline else { throw TimedOut(what: what) }
        Thread.sleep(forTimeInterval: 0.005)
    }
}

struct TimedOut: Error {
    let what: String
}

/// Reads a topic from its beginning.
final class TopicReader {
    struct Record {
        let partition: Int32
        let offset: Int64
        let sourcePartition: Int32
        let sourceOffset: Int64
        let value: [UInt8]
    }

    private let consumer: Consumer
    private let batch = MessageBatch(capacity: 1000)

    init(topic: String, properties: [String: String]) throws {
        consumer = try .reading(topic, properties: properties)
    }

    deinit { consumer.close() }

    func read(_ body: (Record) -> Void) throws {
        try consumer.poll(into: batch, timeoutMilliseconds: 20)
        for position in 0..<batch.count {
            let message = batch[position]
            let source = PredictionSource(message)
            body(
                Record(
                    partition: message.partition, offset: message.offset,
                    sourcePartition: source?.partition ?? -1, sourceOffset: source?.offset ?? -1,
                    value: Array(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0))))
        }
    }
}
