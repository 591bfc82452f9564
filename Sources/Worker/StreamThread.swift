import CoreMetrics
import Customers
import Dispatch
import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Monitoring
import Scoring

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
    /// Events of one partition in a batch.
    private var decoded: [DecodedMessage] = []
    /// The same, to be graded together.
    private var graded = LabelJoin.Batch()
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
    private let source: PredictionSource.Writer
    let number: Int
    var monitor: ThreadMonitor
    let board: ThreadBoard
    let inbox: Inbox
    var rankingRuns: [RankingRun] = []
    var nextPicture = ContinuousClock.now
    /// Where predictions' labels go; `nil` keeps them here.
    let outcomes: Topic?
    let graderVersion: LabelJoin.Version
    var outcomePayload: [UInt8] = []
    /// Labels that became known since the last count.
    var labels = (bought: 0, notBought: 0)
    private var stageTimes = ThreadMonitor.StageTimes()
    /// Set once something could not be published or committed: from then on nothing may be committed.
    var hasFailed = false
    /// Told to stop, with nothing more to be taken in.
    var isLeaving = false
    var lastCommit = ContinuousClock.now
    var commitUnderWay: CommitUnderWay?
    var customersCounted = 0
    /// A commit under way when the worker is told to stop must not outlast the deadline by much.
    var commitTimeoutMilliseconds: Int { max(5000, min(30_000, settings.shutdownMilliseconds)) }
    var rejections = RateLimit(perSecond: 1)
    var troubles = RateLimit(perSecond: 1)

    /// - Parameter number: tells the worker's threads apart.
    init(
        number: Int, settings: WorkerSettings, artifact: ModelArtifact, reference: ReferenceDistributions?,
        store: (any CheckpointStore)?, counters: WorkerCounters, board: ThreadBoard, inbox: Inbox,
        metrics: any MetricsFactory, logger: Logger
    ) throws {
        self.number = number
        self.board = board
        self.inbox = inbox
        monitor = ThreadMonitor(reference: reference, driftRows: settings.driftRows, metrics: metrics)
        graderVersion = LabelJoin.Version(
            version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
            models: artifact.ensemble.models)
        self.settings = settings
        self.counters = counters
        self.logger = logger
        self.store = store
        restoreQueue = DispatchQueue(label: "restore-\(number)", qos: .userInitiated)
        decoderFingerprint = CheckpointHeader.decoderFingerprint(settings.fields)
        budget = RecoveryBudget(seconds: settings.recoverySeconds)
        let report: @Sendable (KafkaError) -> Void = { error in
            logger.warning("kafka client", metadata: ["error": "\(error)"])
        }
        consumer = try Consumer(properties: settings.consumerProperties(thread: number), onError: report)
        producer = try Producer(properties: settings.producerProperties(thread: number), onError: report)
        output = try producer.topic(named: settings.outputTopic)
        let producer = producer
        features = try settings.featuresTopic.map { try producer.topic(named: $0) }
        outcomes = try settings.outcomesTopic.map { try producer.topic(named: $0) }
        deadLetters = DeadLetters(
            topic: try settings.deadLetterTopic.map { try producer.topic(named: $0) },
            maxFraction: settings.deadLetterMaxFraction, window: settings.deadLetterWindow)
        switch settings.guarantee {
        case .exactlyOnce:
            cycle = try ExactlyOnce(producer: producer, timeoutMilliseconds: Self.patienceMilliseconds)
        case .atLeastOnce: cycle = AtLeastOnce(producer: producer)
        }
        source = PredictionSource.Writer(topic: settings.inputTopic)
        decoder = EventDecoder(names: settings.fields)
        scorer = try settings.scorer(artifact)
        batch = MessageBatch(capacity: settings.batchMessages)
        consumer.rebalanceHandler = self
    }

    /// Works until told to stop, then publishes and commits what was processed and leaves the group, with the other threads.
    /// - Throws: what cannot be mended by waiting; nothing uncommitted is lost by that, it is read again.
    func run(until shutdown: Shutdown) throws {
        inbox.open(consumer.waker)
        defer {
            commitUnderWay = nil
            refuseInquiries()
            board.put(ThreadPicture())
            consumer.close(timeoutMilliseconds: settings.shutdownMilliseconds)
            producer.close()
        }
        do {
            try work(until: shutdown)
        } catch {
            // Closing gives the partitions up, and that must not commit what has not been published.
            hasFailed = true
            // Before closing, which may take its time: the others need not wait.
            if shutdown.isRequested { shutdown.markCommitted(number) }
            throw error
        }
    }

    private func work(until shutdown: Shutdown) throws {
        try consumer.subscribe(to: [settings.inputTopic])
        while !shutdown.isRequested {
            let isBusy = tasks.values.contains { $0.phase != .running } || checkpointRun != nil || !rankingRuns.isEmpty
            try consumer.poll(into: batch, timeoutMilliseconds: isBusy ? 1 : settings.pollMilliseconds)
            try throwFailure()
            try heed(batch.errors)
            try pauseLoading()
            producer.poll()
            // Before this batch: what came of the ones before has had the most time to be delivered.
            try commitWhenDue()
            if mustGoBack { try goBack() }
            try orGoBack {
                try process()
                try continueCheckpoint()
            }
            try finishLoading()
            reportRestores()
            answerInquiries()
            putPicture()
            reportState()
        }
        try commitBeforeLeaving(shutdown)
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

    /// A message's event, and its place in the batch.
    private struct DecodedMessage {
        let event: CustomerEvent
        let position: Int
    }

    /// What became of a batch's messages.
    struct Tally {
        var live = 0
        var anonymous = 0
        var restored = 0
        /// Messages that are no customer events, by their place in the batch.
        var rejected: [(position: Int, reason: EventError)] = []
        /// How far each partition has come.
        var progress: [(task: PartitionTask, next: Int64, live: Int)] = []
    }

    func process() throws {
        let begun = ContinuousClock.now
        var tally = Tally()
        stageTimes = ThreadMonitor.StageTimes()
        // Messages of one partition stand together.
        var position = 0
        while position < batch.count {
            let partition = batch[position].partition
            var end = position + 1
            while end < batch.count, batch[end].partition == partition { end += 1 }
            if let task = tasks[partition] { take(position..<end, task, &decoded, &tally) }
            position = end
        }
        budget.took(messages: tally.live + tally.restored, seconds: (ContinuousClock.now - begun) / .seconds(1))
        if tally.live > 0 { try cycle.begin() }
        let example = tally.rejected.last.map {
            "\(settings.inputTopic)[\(batch[$0.position].partition)]@\(batch[$0.position].offset): \($0.reason)"
        }
        try deadLetters.count(messages: tally.live, rejected: tally.rejected.count, example: example)
        for (position, reason) in tally.rejected {
            try deadLetters.send(batch[position], reason, of: settings.inputTopic, by: producer)
        }
        let scored = try scoreBatch(&graded, &monitor)
        // Only what has been handed to the producer may be committed.
        for (task, next, live) in tally.progress {
            let wasRestoring = task.isRestoring
            task.processed(upTo: next, live: live)
            if wasRestoring, !task.isRestoring { restoreFinished(task) }
        }
        count(tally, scored: scored)
        if batch.count > 0 { monitor.processed(messages: batch.count, stageTimes) }
    }

    /// Scores what has been taken in, publishes what is live and grades what came before.
    ///
    /// What every message changes is taken out of the thread once and not for every one of them.
    /// - Returns: how many predictions were published.
    private func scoreBatch(_ graded: inout LabelJoin.Batch, _ monitor: inout ThreadMonitor) throws -> Int {
        guard scorer.pendingCount > 0 else { return 0 }
        let begun = monotonicNanoseconds()
        var (scoredAt, published) = (begun, 0)
        let servingModel = graderVersion.servingModel
        var now: Int64 = 0
        var task: PartitionTask?
        var (partition, liveFrom, isGrading) = (Int32.min, Int64.max, false)
        try scorer.score { prediction in
            if scoredAt == begun {
                scoredAt = monotonicNanoseconds()
                now = Int64(Date().timeIntervalSince1970 * 1000)
            }
            let message = batch[prediction.tag]
            // Messages of one partition stand together.
            if partition != message.partition {
                if let task { try grade(graded, of: task) }
                partition = message.partition
                task = tasks[partition]
                liveFrom = task?.liveFrom ?? .max
                isGrading = task?.grader?.begin(&graded) != nil
            }
            if message.offset >= liveFrom {
                try publish(prediction, of: message)
                published += 1
                monitor.published(
                    prediction, probability: prediction.scores[servingModel],
                    milliseconds: message.timestampMilliseconds.map { now - $0 })
            }
            if isGrading {
                graded.append(
                    LabelJoin.Event(
                        customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash,
                        time: prediction.time, clock: prediction.clock, isPurchase: prediction.isPurchase,
                        scores: prediction.scores, offset: message.offset))
            }
        }
        if let task { try grade(graded, of: task) }
        stageTimes.score = scoredAt - begun
        stageTimes.publish = monotonicNanoseconds() - scoredAt
        return published
    }

    /// Takes consecutive messages of one partition into its customers' states, and into the scorer from where the
    /// partition is live.
    private func take(
        _ positions: Range<Int>, _ task: PartitionTask, _ decoded: inout [DecodedMessage], _ tally: inout Tally
    ) {
        guard task.phase == .running else { return }
        var next = task.takenUpTo
        var live = 0
        let begun = monotonicNanoseconds()
        decoder.forgetTexts()
        decoded.removeAll(keepingCapacity: true)
        for position in positions {
            let message = batch[position]
            guard message.offset >= next else { continue }
            next = message.offset + 1
            let isLive = message.offset >= task.liveFrom
            if isLive { live += 1 } else { tally.restored += 1 }
            do throws(EventError) {
                let event = try decoder.decode(
                    message.value ?? UnsafeRawBufferPointer(start: nil, count: 0), keepingTexts: true)
                if !event.isAnonymous {
                    decoded.append(DecodedMessage(event: event, position: position))
                } else if isLive {
                    tally.anonymous += 1
                }
            } catch {
                if isLive { reject(position, error, task, &tally) }
            }
        }
        let decodedAt = monotonicNanoseconds()
        stageTimes.decode += decodedAt - begun
        update(&task.table, &scorer, of: task, by: decoded)
        stageTimes.update += monotonicNanoseconds() - decodedAt
        task.took(upTo: next)
        tally.live += live
        tally.progress.append((task, next, live))
    }

    /// Takes what has been decoded of a partition into its customers' states. The table is taken out of the task once and
    /// not for every event.
    private func update(
        _ table: inout CustomerTable, _ scorer: inout Scorer, of task: PartitionTask, by decoded: [DecodedMessage]
    ) {
        let liveFrom = task.liveFrom
        for turn in decoded.indices {
            table.lookAhead(from: turn, count: decoded.count) { decoded[$0].event }
            let (event, position) = (decoded[turn].event, decoded[turn].position)
            let message = batch[position]
            let isCounted = !isInState(message, task)
            if message.offset < liveFrom, task.isTaken(message.offset, of: event.customerID) {
                if isCounted { table.observe(event.time) }
            } else if message.offset >= liveFrom || task.grader.map({ message.offset >= $0.nextOffset }) ?? false {
                // What was published before is scored again where it has still to be graded.
                scorer.add(
                    event, tag: position, to: &table, isCounted: isCounted, isStateComplete: !task.isIncomplete)
            } else if isCounted {
                // Otherwise it is counted where the original stands.
                table.update(event)
            }
        }
    }

    private func reject(_ position: Int, _ error: EventError, _ task: PartitionTask, _ tally: inout Tally) {
        tally.rejected.append((position, error))
        rejections.run { suppressed in
            logger.warning(
                "message is no customer event",
                metadata: [
                    "message": "\(task.partition)@\(batch[position].offset)", "reason": "\(error)",
                    "more_since": "\(suppressed)",
                ])
        }
    }

    /// Whether a message that is driven again is one that the state holds already.
    private func isInState(_ message: Message, _ task: PartitionTask) -> Bool {
        guard let original = DeadLetters.original(of: message) else { return false }
        return original >= task.decodedFrom && original < message.offset
    }

    private func publish(_ prediction: Scorer.Prediction, of message: Message) throws(KafkaError) {
        let source = source.write(message)
        try producer.produce(
            to: output, key: prediction.customerID, value: prediction.payload, header: PredictionSource.header, source)
        if let features {
            try producer.produce(
                to: features, key: prediction.customerID, value: prediction.features, header: PredictionSource.header,
                source)
        }
    }

    private func count(_ tally: Tally, scored: Int) {
        if tally.live + tally.restored == 0 { return }
        counters.received.add(tally.live, ordering: .relaxed)
        counters.scored.add(scored, ordering: .relaxed)
        counters.anonymous.add(tally.anonymous, ordering: .relaxed)
        counters.rejected.add(tally.rejected.count, ordering: .relaxed)
        counters.restored.add(tally.restored, ordering: .relaxed)
        counters.bought.add(labels.bought, ordering: .relaxed)
        counters.notBought.add(labels.notBought, ordering: .relaxed)
        labels = (0, 0)
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
