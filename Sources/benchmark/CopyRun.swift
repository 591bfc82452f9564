import Ensemble
import Foundation
import FoundationNetworking
import HTTPService
import Kafka
import Logging
import Monitoring
import Synchronization
import Worker

/// A broker with a topic full of messages, which are copied and scored alternately.
final class CopyRun {
    /// The cost of taking every message from the input topic to the output topic.
    struct Cost: Sendable {
        let messagesPerSecond: Double
        /// Processor time of all threads of this process, for each message.
        let processorNanoseconds: Double

        init(messages: Int, seconds: Double, processorSeconds: Double) {
            messagesPerSecond = Double(messages) / seconds
            processorNanoseconds = processorSeconds * 1e9 / Double(messages)
        }
    }

    private let broker: BenchmarkBroker
    private let settings: WorkerSettings
    private let artifact: ModelArtifact
    private let count: Int
    private let partitions: Int
    private var runs = 0

    init(
        command: String, settings: WorkerSettings, artifact: ModelArtifact, partitions: Int, _ messages: Messages
    ) throws {
        broker = try BenchmarkBroker(command: command)
        var settings = broker.settings(settings)
        // The same for both: the consumer prefetches as much as it can, and messages are sent in large batches.
        settings.profile = .throughput
        self.settings = settings
        self.artifact = artifact
        self.partitions = partitions
        count = messages.ends.count
        try broker.create([settings.inputTopic], partitions: partitions)
        try broker.fill(settings.inputTopic, with: messages, settings: settings)
    }

    func close() { broker.close() }

    /// Consumes, produces and commits without reading the messages.
    func copy() throws -> Cost {
        runs += 1
        let output = "copy-\(runs)"
        try broker.create([output], partitions: partitions)
        defer { broker.delete(output) }
        let isExact = settings.guarantee == .exactlyOnce
        let consumer = try Consumer(
            properties: settings.kafkaProperties.consumer.merging(["group.id": "copy-\(runs)"]) { $1 })
        defer { consumer.close() }
        let producer = try Producer(
            properties: settings.kafkaProperties.producer.merging(isExact ? ["transactional.id": "copy-\(runs)"] : [:])
            { $1 }
        )
        defer { producer.close() }
        if isExact { try producer.initTransactions(timeoutMilliseconds: 30_000) }
        let topic = try producer.topic(named: output)
        let batch = MessageBatch(capacity: settings.batchMessages)
        try consumer.assign(
            (0..<Int32(partitions)).map { PartitionOffset(topic: settings.inputTopic, partition: $0, offset: 0) })
        while batch.isEmpty { try consumer.poll(into: batch, timeoutMilliseconds: 100) }

        let meter = Meter()
        var copied = 0
        var next: [Int32: Int64] = [:]
        var isOpen = false
        var lastCommit = ContinuousClock.now
        func commit() throws {
            let offsets = next.map { PartitionOffset(topic: settings.inputTopic, partition: $0.key, offset: $0.value) }
            if isExact {
                try producer.sendOffsets(offsets, groupOf: consumer, timeoutMilliseconds: 30_000)
                try producer.commitTransaction(timeoutMilliseconds: 30_000)
                isOpen = false
            } else {
                try producer.flush(timeoutMilliseconds: 30_000)
                try consumer.commit(offsets)
            }
            lastCommit = .now
        }
        while true {
            if isExact, !isOpen {
                try producer.beginTransaction()
                isOpen = true
            }
            for position in 0..<batch.count {
                let message = batch[position]
                try producer.produce(to: topic, key: message.key, value: message.value)
                next[message.partition] = message.offset + 1
            }
            copied += batch.count
            producer.poll()
            if copied >= count { break }
            if ContinuousClock.now - lastCommit >= .milliseconds(settings.commitIntervalMilliseconds) { try commit() }
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
        }
        try commit()
        return meter.cost(of: copied)
    }

    /// Scores the same messages with an ordinary worker, with label join, drift detection and both servers, which are asked for
    /// metrics and status every second.
    func score(threads: Int, profile: WorkerSettings.Profile) async throws -> Cost {
        runs += 1
        var settings = settings
        settings.profile = profile
        settings.threads = threads
        // Static membership and the range assignor work with every server.
        settings.kafkaConsumer["group.instance.id"] = "score-\(runs)"
        settings.kafkaConsumer["partition.assignment.strategy"] = "range"
        settings.group = "score-\(runs)"
        settings.outputTopic = "scores-\(runs)"
        try broker.create([settings.outputTopic], partitions: partitions)
        defer { broker.delete(settings.outputTopic) }
        var logger = Logger(label: "benchmark")
        logger.logLevel = .error
        let registry = PrometheusRegistry(namespace: WorkerMetrics.namespace)
        let worker = try Worker(settings: settings, artifact: artifact, metrics: registry, logger: logger)
        let ended = Ended()
        let running = Task {
            defer { ended.flag.store(true, ordering: .relaxed) }
            try await worker.run()
        }
        let watching = watch(worker, settings, registry, logger)
        let count = count
        let meter: Meter = await withCheckedContinuation { continuation in
            Thread {
                // A worker that has failed receives nothing more; its error is thrown below.
                func isWaiting(for received: Int) -> Bool {
                    worker.counters.snapshot.received < received && !ended.flag.load(ordering: .relaxed)
                }
                while isWaiting(for: 1) { Thread.sleep(forTimeInterval: 0.001) }
                let meter = Meter()
                while isWaiting(for: count) { Thread.sleep(forTimeInterval: 0.002) }
                continuation.resume(returning: meter)
            }.start()
        }
        // Stopping publishes and commits the rest.
        worker.requestStop()
        try await running.value
        let cost = meter.cost(of: count)
        // Closing the servers is not part of the cost of a message.
        watching.cancel()
        try? await watching.value
        return cost
    }
}

/// Whether a worker has ended.
private final class Ended: Sendable {
    let flag = Atomic<Bool>(false)
}

extension CopyRun {
    /// The servers of a worker, and a client that asks them once a second.
    private func watch(
        _ worker: Worker, _ settings: WorkerSettings, _ registry: PrometheusRegistry, _ logger: Logger
    ) -> Task<Void, any Error> {
        let artifact = artifact
        return Task {
            var http = HTTPSettings()
            http.port = 18_001
            http.dashboardPort = 18_501
            let service = HTTPService(
                settings: http, worker: worker,
                context: ScoringContext(
                    artifact: artifact, thresholds: settings.thresholds, format: settings.events,
                    timeToLiveDays: settings.timeToLiveDays),
                metrics: WorkerMetrics(worker).text(registry), logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(1))
                        for path in ["18001/metrics", "18501/v1/status"] {
                            guard let url = URL(string: "http://127.0.0.1:\(path)") else { continue }
                            // In a task that is never cancelled: a request that is cancelled while it begins may never end.
                            _ = try await Task { try await URLSession.shared.data(from: url) }.value
                        }
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}

/// Measures time and processor time from its creation.
struct Meter: Sendable {
    private let start = ContinuousClock.now
    private let processor = Meter.processorSeconds

    func cost(of messages: Int) -> CopyRun.Cost {
        CopyRun.Cost(
            messages: messages, seconds: (ContinuousClock.now - start) / .seconds(1),
            processorSeconds: Meter.processorSeconds - processor)
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
