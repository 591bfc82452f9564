import Console
import Events
import Foundation
import Kafka
import ServiceLifecycle
import Synchronization
import Worker

/// Publishes a source of events, reads the predictions back and shows the progress, while an ordinary worker scores.
final class Demo: Service {
    /// How many messages the publisher may be ahead of the worker, and the worker ahead of the reader. The embedded broker
    /// keeps 5 MiB a partition and drops the oldest silently; these limits stay below that even on a single partition.
    private static let eventLead = 8000
    private static let predictionLead = 6000

    private let worker: Worker
    private let limit: Int?
    private let reading = Mutex(ReadingStatistics())
    private let summary = Mutex<DemoSummary?>(nil)
    private let published = Atomic<Int>(0)
    private let isPublished = Atomic<Bool>(false)
    private let isReading = Atomic<Bool>(false)
    private let seen = Atomic<Int>(0)
    private let stop = Atomic<Bool>(false)
    /// Used by the publishing thread alone.
    private nonisolated(unsafe) let source: any EventSource

    init(worker: Worker, source: any EventSource, limit: Int?) {
        self.worker = worker
        self.source = source
        self.limit = limit
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await onThread { try self.publish() } }
                group.addTask { try await onThread { try self.read() } }
                group.addTask { try await self.show() }
                do {
                    // Not waitForAll: that throws only when all have ended.
                    for try await _ in group {}
                } catch {
                    stop.store(true, ordering: .relaxed)
                    throw error
                }
            }
        } onGracefulShutdown: {
            self.stop.store(true, ordering: .relaxed)
        }
        // The worker stops after this returns, and then answers no longer.
        let summary = try await DemoSummary(of: worker)
        self.summary.withLock { $0 = summary }
    }

    /// The summary's lines with the counts of now; empty if the demo has not come to its end.
    var summaryText: String {
        let reading = reading.withLock { $0 }
        return summary.withLock { $0 }?.text(reading) ?? ""
    }

    private var isStopped: Bool { stop.load(ordering: .relaxed) }

    /// Whether every event has been taken by the worker and every prediction by the reader.
    private var isDone: Bool {
        let counters = worker.counters.snapshot
        return isPublished.load(ordering: .acquiring) && counters.received >= published.load(ordering: .relaxed)
            && seen.load(ordering: .relaxed) >= counters.scored
    }

    private func publish() throws {
        let publisher = try EventPublisher(settings: worker.settings, topic: worker.settings.inputTopic)
        defer { publisher.close() }
        let decoder = EventDecoder(format: worker.settings.events)
        // Waits until worker and reader have joined their groups; that time is not part of the latency.
        while !isStopped, worker.counters.snapshot.partitions == 0 || !isReading.load(ordering: .relaxed) {
            Thread.sleep(forTimeInterval: 0.01)
        }
        while !isStopped, limit.map({ publisher.published < $0 }) ?? true, let message = try source.nextMessage() {
            // Malformed messages are published too: it is for the worker to reject them.
            var key: [UInt8] = []
            _ = try? decoder.decode(message) { key = Array($0.customerID) }
            try publisher.publish(message, key: key)
            if publisher.published % 128 == 0 {
                published.store(publisher.published, ordering: .relaxed)
                while !isStopped, isTooFarAhead(publisher.published) {
                    publisher.serve()
                    Thread.sleep(forTimeInterval: 0.0005)
                }
            }
        }
        try publisher.flush()
        published.store(publisher.published, ordering: .relaxed)
        isPublished.store(true, ordering: .releasing)
    }

    private func isTooFarAhead(_ published: Int) -> Bool {
        let counters = worker.counters.snapshot
        return published - counters.received > Self.eventLead
            || counters.scored - seen.load(ordering: .relaxed) > Self.predictionLead
    }

    private func read() throws {
        let reader = try PredictionReader(settings: worker.settings)
        defer { reader.close() }
        while !isStopped, !isDone {
            let count = try reader.read { prediction, latency in
                reading.withLock { $0.add(prediction, latencyMilliseconds: latency) }
            }
            seen.add(count, ordering: .relaxed)
            if reader.isAssigned { isReading.store(true, ordering: .relaxed) }
        }
        reading.withLock { $0.finish() }
    }

    /// Shows a line of progress a few times a second.
    private func show() async throws {
        let progress = Progress()
        var last = (time: ContinuousClock.now, received: 0)
        while !isStopped, !isDone {
            try await Task.sleep(for: .milliseconds(250))
            let counters = worker.counters.snapshot
            let now = ContinuousClock.now
            let rate = Double(counters.received - last.received) / ((now - last.time) / .seconds(1))
            last = (now, counters.received)
            let lag = published.load(ordering: .relaxed) - counters.received
            let scores = reading.withLock { $0.sparkline }
            progress.show(
                counters.received == 0 ? "joining the group" : "scoring",
                detail: "\(counters.received) events, \(Int(rate))/s, lag \(lag), \(counters.customers) customers, "
                    + "scores 0 \(scores) 1")
        }
        progress.finish()
    }
}

/// Runs blocking work on a thread of its own.
func onThread(_ work: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let thread = Thread { continuation.resume(with: Result { try work() }) }
        thread.stackSize = 4 << 20
        thread.start()
    }
}
