import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Scoring
import Synchronization

/// One operating-system thread's work: it owns a consumer, a producer and the customers of its partitions, and shares
/// nothing while it runs.
///
/// poll a batch → decode → update state and take feature rows in order → score the rows together → produce; at the
/// commit interval: flush, then commit the offsets of what was processed.
final class StreamThread: RebalanceHandler {
    private static let requestTimeoutMilliseconds = 5000
    private static let commitTimeoutMilliseconds = 30_000
    /// Below librdkafka's max.poll.interval.ms of five minutes, by a margin.
    private static let patienceMilliseconds = 120_000

    private let settings: WorkerSettings
    private let counters: WorkerCounters
    private let logger: Logger
    private let consumer: Consumer
    private let producer: Producer
    private let output: Topic
    private let features: Topic?
    private let decoder: EventDecoder
    private var scorer: Scorer
    private let batch: MessageBatch
    private var tasks: [Int32: PartitionTask] = [:]
    private var failure: (any Error)?
    /// Set once something could not be published or committed: from then on nothing may be committed.
    private var hasFailed = false
    private var lastCommit = ContinuousClock.now
    private var customersCounted = 0
    private var rejections = RateLimit(perSecond: 1)
    private var troubles = RateLimit(perSecond: 1)

    init(settings: WorkerSettings, artifact: ModelArtifact, counters: WorkerCounters, logger: Logger) throws {
        self.settings = settings
        self.counters = counters
        self.logger = logger
        let report: @Sendable (KafkaError) -> Void = { error in
            logger.debug("kafka client", metadata: ["error": "\(error)"])
        }
        consumer = try Consumer(properties: settings.consumerProperties, onError: report)
        producer = try Producer(properties: settings.producerProperties, onError: report)
        output = try producer.topic(named: settings.outputTopic)
        let producer = producer
        features = try settings.featuresTopic.map { try producer.topic(named: $0) }
        decoder = EventDecoder(names: settings.fields)
        scorer = Scorer(artifact: artifact, thresholds: settings.thresholds)
        batch = MessageBatch(capacity: settings.batchMessages)
        consumer.rebalanceHandler = self
    }

    /// Works until told to stop, then publishes and commits what was processed and leaves the group.
    /// - Throws: what cannot be mended by waiting; nothing uncommitted is lost by that, it is read again.
    func run(until stop: borrowing Atomic<Bool>) throws {
        defer {
            consumer.close(timeoutMilliseconds: settings.shutdownMilliseconds)
            producer.close()
        }
        do {
            try work(until: stop)
        } catch {
            // Closing gives the partitions up, and that must not commit what has not been published.
            hasFailed = true
            throw error
        }
    }

    private func work(until stop: borrowing Atomic<Bool>) throws {
        try consumer.subscribe(to: [settings.inputTopic])
        while !stop.load(ordering: .relaxed) {
            try consumer.poll(into: batch, timeoutMilliseconds: settings.pollMilliseconds)
            try throwFailure()
            try heed(batch.errors)
            try process()
            producer.poll()
            if ContinuousClock.now - lastCommit >= .milliseconds(settings.commitIntervalMilliseconds) {
                try commit()
            }
        }
        try commit(isLast: true)
    }

    // MARK: Processing

    private func process() throws {
        var (live, anonymous, rejected, restored) = (0, 0, 0, 0)
        for position in 0..<batch.count {
            let message = batch[position]
            guard let task = tasks[message.partition] else { continue }
            let isLive = message.offset >= task.liveFrom
            do throws(EventError) {
                let event = try decoder.decode(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0))
                if event.isAnonymous {
                    if isLive { anonymous += 1 }
                } else if isLive {
                    scorer.add(event, tag: position, to: &task.table)
                } else {
                    _ = task.table.update(event)
                }
            } catch {
                if isLive {
                    rejected += 1
                    rejections.run { suppressed in
                        logger.warning(
                            "message is no customer event",
                            metadata: [
                                "message": "\(task.partition)@\(message.offset)", "reason": "\(error)",
                                "more_since": "\(suppressed)",
                            ])
                    }
                }
            }
            if isLive { live += 1 } else { restored += 1 }
        }
        let scored = scorer.pendingCount
        try scorer.score { prediction in try publish(prediction) }
        // Only what has been handed to the producer may be committed.
        for position in 0..<batch.count {
            let message = batch[position]
            guard let task = tasks[message.partition] else { continue }
            let wasRestoring = task.isRestoring
            task.processed(message.offset)
            if wasRestoring, !task.isRestoring { restoreFinished(task) }
        }
        count(live: live, scored: scored, anonymous: anonymous, rejected: rejected, restored: restored)
    }

    private func publish(_ prediction: Scorer.Prediction) throws(KafkaError) {
        let message = batch[prediction.tag]
        var headers = [
            Header("source.topic", settings.inputTopic), Header("source.partition", "\(message.partition)"),
            Header("source.offset", "\(message.offset)"),
        ]
        if let time = message.timestampMilliseconds { headers.append(Header("source.timestamp", "\(time)")) }
        try producer.produce(to: output, key: prediction.customerID, value: prediction.payload, headers: headers)
        if let features {
            try producer.produce(to: features, key: prediction.customerID, value: prediction.features, headers: headers)
        }
    }

    private func count(live: Int, scored: Int, anonymous: Int, rejected: Int, restored: Int) {
        if live + restored == 0 { return }
        counters.received.add(live, ordering: .relaxed)
        counters.scored.add(scored, ordering: .relaxed)
        counters.anonymous.add(anonymous, ordering: .relaxed)
        counters.rejected.add(rejected, ordering: .relaxed)
        counters.restored.add(restored, ordering: .relaxed)
        countCustomers()
    }

    private func countCustomers() {
        let customers = tasks.values.reduce(0) { $0 + $1.table.count }
        counters.customers.add(customers - customersCounted, ordering: .relaxed)
        customersCounted = customers
    }

    // MARK: Commit cycle

    /// Publishes what was processed, then commits its offsets. What a retriable error leaves uncommitted is tried again
    /// at the next interval; the last time there is no next one, and it is an error.
    private func commit(isLast: Bool = false) throws {
        lastCommit = .now
        if hasFailed { return }
        let timeoutMilliseconds = isLast ? settings.shutdownMilliseconds : Self.commitTimeoutMilliseconds
        let due = tasks.values.filter { $0.uncommitted > 0 }.sorted { $0.partition < $1.partition }
        guard !due.isEmpty else { return }
        do throws(KafkaError) {
            try producer.flush(timeoutMilliseconds: timeoutMilliseconds)
            try consumer.commit(
                due.map { PartitionOffset($0.partition, offset: $0.next) }, timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            switch error.remedy {
            case .retry where producer.failed == 0 && !isLast: trouble("commit put off", error)
            // The partitions are no longer ours; the rebalance that follows drops them.
            case .rejoin where !error.isFatal: trouble("commit refused: the group has moved on", error)
            default:
                hasFailed = true
                throw error
            }
            return
        }
        for task in due { counters.committed.add(task.committed(), ordering: .relaxed) }
    }

    // MARK: Rebalances

    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        do {
            let committed = try patiently { () throws(KafkaError) in
                try consumer.committed(partitions, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
            }
            return try committed.map { position in
                let log = try patiently { () throws(KafkaError) in
                    try consumer.watermarks(
                        of: position.partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
                }
                let liveFrom = try liveFrom(position, log)
                let task = PartitionTask(partition: position.partition, start: log.low, liveFrom: liveFrom)
                tasks[position.partition.partition] = task
                counters.partitions.add(1, ordering: .relaxed)
                if task.isRestoring { counters.restoring.add(1, ordering: .relaxed) }
                logger.info(
                    "partition assigned",
                    metadata: [
                        "partition": "\(position.partition)", "log_start": "\(log.low)", "live_from": "\(liveFrom)",
                        "log_end": "\(log.high)",
                    ])
                if log.low > 0 {
                    logger.warning(
                        "the log no longer reaches back to its beginning: events before its start are not in the state",
                        metadata: ["partition": "\(position.partition)", "log_start": "\(log.low)"])
                }
                return PartitionOffset(position.partition, offset: task.start)
            }
        } catch {
            failure = error
            return []
        }
    }

    /// Where publishing begins: at the committed offset; without a usable one, where `auto.offset.reset` says.
    private func liveFrom(_ committed: PartitionOffset, _ log: Watermarks) throws -> Int64 {
        if (log.low...log.high).contains(committed.offset) { return committed.offset }
        if committed.offset >= 0 {
            logger.warning(
                "the committed offset is not in the log: was the topic made anew?",
                metadata: [
                    "partition": "\(committed.partition)", "committed": "\(committed.offset)",
                    "log_start": "\(log.low)",
                    "log_end": "\(log.high)",
                ])
        }
        switch settings.consumerProperties["auto.offset.reset"] {
        case "latest", "largest", "end": return log.high
        case "error":
            throw WorkerError("\(committed.partition) has no committed offset, and auto.offset.reset is error")
        default: return log.low
        }
    }

    /// Repeats what may yet succeed, with pauses, for as long as the group lets a member be silent.
    private func patiently<Result>(_ request: () throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let deadline = ContinuousClock.now + .milliseconds(Self.patienceMilliseconds)
        while true {
            do {
                return try request()
            } catch {
                guard error.remedy == .retry, ContinuousClock.now < deadline else { throw error }
                trouble("assignment waits for Kafka", error)
                Thread.sleep(forTimeInterval: 0.2)
            }
        }
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {
        do {
            try commit()
        } catch {
            failure = error
        }
        drop(partitions)
    }

    func lost(_ partitions: [TopicPartition], consumer: Consumer) { drop(partitions) }

    private func drop(_ partitions: [TopicPartition]) {
        for partition in partitions {
            guard let task = tasks.removeValue(forKey: partition.partition) else { continue }
            counters.partitions.subtract(1, ordering: .relaxed)
            if task.isRestoring { counters.restoring.subtract(1, ordering: .relaxed) }
            logger.info("partition given up", metadata: ["partition": "\(partition)", "next": "\(task.next)"])
        }
        countCustomers()
    }

    private func restoreFinished(_ task: PartitionTask) {
        counters.restoring.subtract(1, ordering: .relaxed)
        logger.info(
            "state rebuilt",
            metadata: [
                "partition": "\(task.partition)", "messages": "\(task.liveFrom - task.start)",
                "customers": "\(task.table.count)",
            ])
    }

    // MARK: Trouble

    private func throwFailure() throws {
        guard let failure else { return }
        self.failure = nil
        throw failure
    }

    private func heed(_ errors: [KafkaError]) throws {
        for error in errors {
            if error.remedy == .fatal { throw error }
            trouble("kafka", error)
        }
    }

    private func trouble(_ what: String, _ error: KafkaError) {
        troubles.run { suppressed in
            logger.warning("\(what)", metadata: ["error": "\(error)", "more_since": "\(suppressed)"])
        }
    }
}
