import Dispatch
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
/// commit interval the `CommitCycle` makes predictions, dead letters and the offsets that they came from last.
final class StreamThread {
    static let requestTimeoutMilliseconds = 5000
    /// Below librdkafka's max.poll.interval.ms of five minutes, by a margin.
    static let patienceMilliseconds = 120_000
    /// Bytes of a checkpoint written at once.
    static let sliceBytes = 64 << 10

    let settings: WorkerSettings
    let counters: WorkerCounters
    let logger: Logger
    let consumer: Consumer
    let producer: Producer
    let output: Topic
    let features: Topic?
    let decoder: EventDecoder
    var scorer: Scorer
    let batch: MessageBatch
    var tasks: [Int32: PartitionTask] = [:]
    var failure: (any Error)?
    /// Set when what was processed has been taken back: partitions go back to their committed offsets before the next poll.
    var mustGoBack = false
    let cycle: any CommitCycle
    /// `nil` when the log alone makes the state.
    let store: (any CheckpointStore)?
    let restoreQueue: DispatchQueue
    let decoderFingerprint: UInt64
    var paused: Set<TopicPartition> = []
    var checkpointRun: CheckpointRun?
    /// Records of a checkpoint have been published since the last commit.
    var hasPublishedRecords = false
    /// After failures, no checkpoint before this; the pause doubles.
    var noCheckpointBefore = ContinuousClock.now
    var failurePause = 1.0
    /// Messages that had failed when the last transaction was given up.
    var failedBefore = 0
    var budget: RecoveryBudget
    var stateReport = ContinuousClock.now + .seconds(60)
    var restoreReports = RateLimit(pause: .seconds(3))
    var deadLetters: DeadLetters
    /// Set once something could not be published or committed: from then on nothing may be committed.
    var hasFailed = false
    var lastCommit = ContinuousClock.now
    var customersCounted = 0
    /// A commit under way when the worker is told to stop must not outlast the deadline by much.
    var commitTimeoutMilliseconds: Int { max(5000, min(30_000, settings.shutdownMilliseconds)) }
    var rejections = RateLimit(perSecond: 1)
    var troubles = RateLimit(perSecond: 1)

    /// - Parameter number: tells the worker's threads apart.
    init(
        number: Int, settings: WorkerSettings, artifact: ModelArtifact, store: (any CheckpointStore)?,
        counters: WorkerCounters, logger: Logger
    ) throws {
        self.settings = settings
        self.counters = counters
        self.logger = logger
        self.store = store
        restoreQueue = DispatchQueue(label: "restore-\(number)", qos: .userInitiated)
        decoderFingerprint = CheckpointHeader.decoderFingerprint(settings.fields)
        budget = RecoveryBudget(seconds: settings.recoverySeconds)
        let report: @Sendable (KafkaError) -> Void = { error in
            logger.debug("kafka client", metadata: ["error": "\(error)"])
        }
        consumer = try Consumer(properties: settings.consumerProperties, onError: report)
        producer = try Producer(properties: settings.producerProperties(thread: number), onError: report)
        output = try producer.topic(named: settings.outputTopic)
        let producer = producer
        features = try settings.featuresTopic.map { try producer.topic(named: $0) }
        deadLetters = DeadLetters(
            topic: try settings.deadLetterTopic.map { try producer.topic(named: $0) },
            maxFraction: settings.deadLetterMaxFraction, window: settings.deadLetterWindow)
        switch settings.guarantee {
        case .exactlyOnce:
            cycle = try ExactlyOnce(producer: producer, timeoutMilliseconds: Self.patienceMilliseconds)
        case .atLeastOnce: cycle = AtLeastOnce(producer: producer)
        }
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

    func work(until stop: borrowing Atomic<Bool>) throws {
        try consumer.subscribe(to: [settings.inputTopic])
        while !stop.load(ordering: .relaxed) {
            let isBusy = tasks.values.contains { $0.phase != .running } || checkpointRun != nil
            try consumer.poll(into: batch, timeoutMilliseconds: isBusy ? 1 : settings.pollMilliseconds)
            try throwFailure()
            try heed(batch.errors)
            try pauseLoading()
            if mustGoBack { try goBack() }
            try orGoBack {
                try process()
                try continueCheckpoint()
            }
            try finishLoading()
            reportRestores()
            producer.poll()
            if ContinuousClock.now - lastCommit >= .milliseconds(settings.commitIntervalMilliseconds) {
                try commit()
                beginCheckpoint()
                reportState()
            }
        }
        try commit(isLast: true)
    }

    // MARK: Processing

    /// A transaction that can no longer be committed takes what was processed with it.
    func orGoBack(_ work: () throws -> Void) throws {
        do {
            try work()
        } catch let error as KafkaError where error.remedy == .abortTransaction {
            trouble("transaction given up", error)
            try giveUpUncommitted()
            if mustGoBack { try goBack() }
        }
    }

    func process() throws {
        var (live, anonymous, rejected, restored) = (0, 0, 0, 0)
        let begun = ContinuousClock.now
        var lastRejection: String?
        var letters: [(position: Int, reason: EventError)] = []
        for position in 0..<batch.count {
            let message = batch[position]
            guard let task = tasks[message.partition], task.isDue(message.offset) else { continue }
            let isLive = message.offset >= task.liveFrom
            do throws(EventError) {
                let event = try decoder.decode(message.value ?? UnsafeRawBufferPointer(start: nil, count: 0))
                if event.isAnonymous {
                    if isLive { anonymous += 1 }
                } else if isLive {
                    scorer.add(
                        event, tag: position, to: &task.table, isCounted: !isInState(message, task),
                        isStateComplete: !task.isIncomplete)
                } else if isInState(message, task) {
                    // Counted where the original stands.
                } else if task.isTaken(message.offset, of: event.customerID) {
                    task.table.observe(event.time)
                } else {
                    task.table.update(event)
                }
            } catch {
                if isLive {
                    rejected += 1
                    letters.append((position, error))
                    lastRejection = "\(task.partition)@\(message.offset): \(error)"
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
        budget.took(messages: live + restored, seconds: (ContinuousClock.now - begun) / .seconds(1))
        if live > 0 { try cycle.begin() }
        try deadLetters.count(messages: live, rejected: rejected, example: lastRejection)
        for (position, reason) in letters {
            try deadLetters.send(batch[position], reason, of: settings.inputTopic, by: producer)
        }
        let scored = scorer.pendingCount
        try scorer.score { prediction in try publish(prediction) }
        // Only what has been handed to the producer may be committed.
        for position in 0..<batch.count {
            let message = batch[position]
            guard let task = tasks[message.partition], task.isDue(message.offset) else { continue }
            let wasRestoring = task.isRestoring
            task.processed(message.offset)
            if wasRestoring, !task.isRestoring { restoreFinished(task) }
        }
        count(live: live, scored: scored, anonymous: anonymous, rejected: rejected, restored: restored)
    }

    /// Whether a message that is driven again is one that the state holds already.
    private func isInState(_ message: Message, _ task: PartitionTask) -> Bool {
        guard let original = message.header(DeadLetters.redrivenHeader),
            let offset = Int64(String(decoding: original, as: UTF8.self))
        else { return false }
        return offset >= task.decodedFrom && offset < message.offset
    }

    func publish(_ prediction: Scorer.Prediction) throws(KafkaError) {
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

    func count(live: Int, scored: Int, anonymous: Int, rejected: Int, restored: Int) {
        if live + restored == 0 { return }
        counters.received.add(live, ordering: .relaxed)
        counters.scored.add(scored, ordering: .relaxed)
        counters.anonymous.add(anonymous, ordering: .relaxed)
        counters.rejected.add(rejected, ordering: .relaxed)
        counters.restored.add(restored, ordering: .relaxed)
        countCustomers()
    }

    func countCustomers() {
        let customers = tasks.values.reduce(0) { $0 + $1.table.count }
        counters.customers.add(customers - customersCounted, ordering: .relaxed)
        customersCounted = customers
    }

    // MARK: Trouble

    func throwFailure() throws {
        guard let failure else { return }
        self.failure = nil
        throw failure
    }

    func heed(_ errors: [KafkaError]) throws {
        for error in errors {
            if error.remedy == .fatal { throw error }
            trouble("kafka", error)
        }
    }

    func trouble(_ what: String, _ error: KafkaError) {
        troubles.run { suppressed in
            logger.warning("\(what)", metadata: ["error": "\(error)", "more_since": "\(suppressed)"])
        }
    }
}
