import CoreMetrics
import Customers
import Kafka
import Logging
import Monitoring
import Pipeline

/// Says what a stream thread does: to the log, the counters, the metrics, and the published stats. Owned by the thread.
final class ThreadReporter {
    let logger: Logger
    private let number: Int
    private let counters: WorkerCounters
    private let board: ThreadBoard
    private let watch: ClusterWatch
    private var warnings = RateLimit(perSecond: 1)
    private var rejections = RateLimit(perSecond: 1)
    private var placements: [String: RateLimit] = [:]
    private var schemas = RateLimit(pause: .seconds(5))
    private var restoreProgress = RateLimit(pause: .seconds(3))
    private let sessionTimeoutMilliseconds: Int?
    private var outsideSince: (moment: ContinuousClock.Instant, isSaid: Bool)?
    private var nextStats = ContinuousClock.now
    private var latency = RecentHistogram()
    private var nextStateLine = ContinuousClock.now + .seconds(60)

    private let batchMessages: Recorder
    private let commitDuration: Timer
    private let checkpointDuration: Timer
    private let stages: (decode: Timer, update: Timer, score: Timer, publish: Timer)

    /// - Parameters:
    ///   - number: tells the worker's threads apart.
    ///   - board: where the thread's stats are published.
    ///   - metrics: where durations and batch sizes are recorded.
    ///   - sessionTimeoutMilliseconds: after which the group notices that a member was killed.
    ///   - watch: knows whether Kafka is away, which explains much.
    init(
        number: Int, counters: WorkerCounters, board: ThreadBoard, sessionTimeoutMilliseconds: Int? = nil,
        watch: ClusterWatch, metrics: any MetricsFactory,
        logger: Logger
    ) {
        self.watch = watch
        self.sessionTimeoutMilliseconds = sessionTimeoutMilliseconds
        self.number = number
        self.counters = counters
        self.board = board
        self.logger = logger
        func stage(_ name: String) -> Timer {
            Timer(label: "stage_duration", dimensions: [("stage", name)], factory: metrics)
        }
        batchMessages = Recorder(label: "batch_messages", dimensions: [], aggregate: true, factory: metrics)
        commitDuration = Timer(label: "commit_duration", dimensions: [], factory: metrics)
        checkpointDuration = Timer(label: "checkpoint_duration", dimensions: [], factory: metrics)
        stages = (stage("decode"), stage("update"), stage("score"), stage("publish"))
    }

    // MARK: Batches and commits

    /// Counts what became of a batch.
    func processed(_ result: ScoringPipeline.BatchResult, messages: Int) {
        batchMessages.record(messages)
        stages.decode.recordNanoseconds(Int64(result.times.decode))
        stages.update.recordNanoseconds(Int64(result.times.update))
        stages.score.recordNanoseconds(Int64(result.times.score))
        stages.publish.recordNanoseconds(Int64(result.times.publish))
        counters.received.add(result.live, ordering: .relaxed)
        counters.scored.add(result.published, ordering: .relaxed)
        counters.anonymous.add(result.anonymous, ordering: .relaxed)
        if result.tombstones > 0 { counters.tombstones.add(result.tombstones, ordering: .relaxed) }
        if result.ignored > 0 { counters.ignored.add(result.ignored, ordering: .relaxed) }
        if result.repeated > 0 { counters.repeated.add(result.repeated, ordering: .relaxed) }
        counters.rejected.add(result.rejected, ordering: .relaxed)
        counters.restored.add(result.restored, ordering: .relaxed)
        rescored(result)
        counters.bought.add(result.bought, ordering: .relaxed)
        counters.notBought.add(result.notBought, ordering: .relaxed)
    }

    /// Counts predictions of the schedule's instants, of customers who were due.
    func rescored(_ result: ScoringPipeline.BatchResult) {
        if result.rescored > 0 { counters.rescored.add(result.rescored, ordering: .relaxed) }
    }

    func committed(live: Int, duration: Duration) {
        commitDuration.recordNanoseconds(Int64(duration / .nanoseconds(1)))
        counters.commits.add(1, ordering: .relaxed)
        counters.committed.add(live, ordering: .relaxed)
    }

    func transactionAborted() { counters.transactionsAborted.add(1, ordering: .relaxed) }

    /// - Parameter isUndone: whether the state is back at the last commit; otherwise the partition has to be restored.
    func rewound(_ task: PartitionTask, isUndone: Bool) {
        logger.warning(
            isUndone ? "rewinding to the last commit" : "what was not committed cannot be undone: restoring",
            metadata: ["partition": "\(task.partition)", "offset": .stringConvertible(task.position)])
    }

    // MARK: Warnings

    /// Adds how many lines like this one were left out since the last, if there were any.
    static func counting(_ suppressed: Int, _ metadata: Logger.Metadata) -> Logger.Metadata {
        suppressed == 0 ? metadata : metadata.merging(["left_out_since": .stringConvertible(suppressed)]) { $1 }
    }

    /// Logs an error that the thread survives, one a second at most. That Kafka is away is said once, by the watch.
    func warn(_ what: String, _ error: KafkaError) {
        if error.remedy == .retry, watch.isAway { return }
        warnings.run { suppressed in
            logger.warning("\(what)", metadata: Self.counting(suppressed, ["error": "\(error)"]))
        }
    }

    /// A partition cannot go on before a schema is known. Most answers come at once: only a reason that stays is worth a line.
    func waitsForSchema(_ task: PartitionTask, reason: String) {
        guard let since = task.awaitingSince, ContinuousClock.now - since > .seconds(1) else { return }
        schemas.run { suppressed in
            logger.warning(
                "partition waits for a schema; the others go on",
                metadata: Self.counting(suppressed, ["partition": "\(task.partition)", "reason": "\(reason)"]))
        }
    }

    /// Says what is wrong with where messages come to: each finding once, and again every ten minutes.
    func placement(_ finding: String, _ partition: Int32, _ metadata: Logger.Metadata) {
        placements[finding, default: RateLimit(pause: .seconds(600))].run { suppressed in
            let own: Logger.Metadata = ["partition": "\(partition)"]
            logger.warning("\(finding)", metadata: Self.counting(suppressed, own.merging(metadata) { $1 }))
        }
    }

    func rejected(_ entry: RejectedMessage) {
        rejections.run { suppressed in
            logger.warning(
                "message is no customer event",
                metadata: Self.counting(
                    suppressed,
                    [
                        "message": "\(entry.partition.topic)[\(entry.partition.number)]@\(entry.message.offset)",
                        "reason": "\(entry.reason)",
                    ]))
        }
    }

    /// A message whose prediction cannot be published.
    func refused(_ name: String, reason: String) {
        counters.refused.add(1, ordering: .relaxed)
        rejections.run { suppressed in
            logger.warning(
                "prediction refused, its message is a dead letter",
                metadata: Self.counting(suppressed, ["message": "\(name)", "reason": "\(reason)"]))
        }
    }

    // MARK: Partitions

    func assigned(_ task: PartitionTask) {
        logger.info(
            "partition assigned",
            metadata: [
                "partition": "\(task.partition)", "log_start": .stringConvertible(task.logStartOffset),
                "live_from": .stringConvertible(task.state.restoreEndOffset),
                "log_end": .stringConvertible(task.logEndOffset),
            ])
    }

    func released(_ task: PartitionTask) {
        logger.info(
            "partition released",
            metadata: ["partition": "\(task.partition)", "next": .stringConvertible(task.position)])
    }

    /// - Parameters:
    ///   - header: of the checkpoint; `nil` when there was none.
    ///   - hasOtherDecoder: whether messages were understood otherwise when it was taken.
    func checkpointRead(_ task: PartitionTask, _ header: CheckpointHeader?, hasOtherDecoder: Bool) {
        guard let header else {
            if task.position < task.state.restoreEndOffset {
                logger.info(
                    "no checkpoint: the log is read from its start", metadata: ["partition": "\(task.partition)"])
            }
            return
        }
        watch.stateBegan(partitions: task.partitionCount)
        if let error = task.state.labelJoinError {
            logger.warning(
                "the label join begins anew: the checkpoint's predictions cannot be used",
                metadata: ["partition": "\(task.partition)", "reason": "\(error)"])
        }
        if hasOtherDecoder {
            logger.warning(
                "the checkpoint was taken under other names of fields: what it holds stays as it was understood then",
                metadata: ["partition": "\(task.partition)", "offset": .stringConvertible(header.offset)])
        }
        logger.info(
            "checkpoint read",
            metadata: [
                "partition": "\(task.partition)", "offset": .stringConvertible(header.offset),
                "customers": .stringConvertible(task.state.table.count),
                "seconds": .stringConvertible(Self.seconds(since: task.assignedAt)),
            ])
    }

    func restored(_ task: PartitionTask) {
        logger.info(
            "state rebuilt",
            metadata: [
                "partition": "\(task.partition)",
                "messages": .stringConvertible(task.state.restoreEndOffset - task.restoreStartOffset),
                "customers": .stringConvertible(task.state.table.count),
                "seconds": .stringConvertible(Self.seconds(since: task.assignedAt)),
            ])
    }

    // MARK: Checkpoints

    func checkpointTaken(_ task: PartitionTask, offset: Int64, bytes: Int, duration: Duration) {
        counters.checkpoints.add(1, ordering: .relaxed)
        checkpointDuration.recordNanoseconds(Int64(duration / .nanoseconds(1)))
        logger.info(
            "checkpoint taken",
            metadata: [
                "partition": "\(task.partition)", "offset": .stringConvertible(offset),
                "bytes": .stringConvertible(bytes),
                "customers": .stringConvertible(task.state.table.count),
                "seconds": .stringConvertible(Self.seconds(duration)),
            ])
    }

    func checkpointFailed(_ task: PartitionTask, _ error: any Error) {
        counters.checkpointFailures.add(1, ordering: .relaxed)
        logger.error(
            "checkpoint failed; the stream goes on, and recovery takes longer until one succeeds",
            metadata: ["partition": "\(task.partition)", "error": "\(error)"])
    }

    func recoveryIsTooSlow(_ task: PartitionTask, seconds: Double) {
        logger.warning(
            "recovery.max_seconds cannot be kept: reading the checkpoints alone takes longer; use more threads or workers",
            metadata: ["partition": "\(task.partition)", "seconds": .stringConvertible(Int(seconds))])
    }

    // MARK: Now and then

    /// Publishes the thread's gauges, and once in a while its stats, the progress of restores and the size of the state.
    /// - Parameters:
    ///   - isMember: whether the group counts on the thread's consumer.
    ///   - logEnd: a partition's end as far as the consumer knows.
    ///   - frequentCustomer: one with too large a share of all events.
    func report(
        _ registry: PartitionRegistry, _ monitor: PredictionMonitor, isMember: Bool,
        logEnd: (TopicPartition) -> Int64?, frequentCustomer: () -> (customerID: [UInt8], share: Double)?
    ) {
        counters.gauges[number].publish(registry.gauges)
        let now = ContinuousClock.now
        sayMembership(isMember, at: now)
        if now >= nextStats {
            nextStats = now + .seconds(1)
            latency.observe(monitor.endToEnd, at: now)
            board.publish(
                ThreadStats(
                    thread: number, registry, monitor, isMember: isMember,
                    recent: latency.recent(of: monitor.endToEnd, at: now), logEnd: logEnd))
        }
        if registry.tasks.contains(where: { !$0.isRestored }) {
            restoreProgress.run { _ in for task in registry.tasks where !task.isRestored { reportRestore(task) } }
        }
        if now >= nextStateLine {
            nextStateLine = now + .seconds(60)
            reportState(registry)
            if let (customerID, share) = frequentCustomer() {
                logger.warning(
                    """
                    one customer has a large share of all events, rather a word for nobody than a person: name it under \
                    events.missing if it is one
                    """,
                    metadata: [
                        "customer": "\(String(decoding: customerID.prefix(60), as: UTF8.self))",
                        "percent": .stringConvertible(Int(share * 100)),
                    ])
            }
        }
    }

    /// Says once that the group makes the thread wait, and for how long at most.
    private func sayMembership(_ isMember: Bool, at now: ContinuousClock.Instant) {
        guard !isMember else {
            outsideSince = nil
            return
        }
        guard let since = outsideSince else {
            outsideSince = (now, false)
            return
        }
        guard !since.isSaid, now - since.moment > .seconds(2), !watch.isAway else { return }
        outsideSince = (since.moment, true)
        logger.info(
            "waiting for the group: it counts on members that were killed until their session is over",
            metadata: sessionTimeoutMilliseconds.map { ["seconds_at_most": .stringConvertible($0 / 1000)] } ?? [:])
    }

    /// The thread owns nothing any more.
    func finish() {
        counters.gauges[number].publish(PartitionRegistry.Gauges())
        board.publish(ThreadStats())
    }

    private func reportRestore(_ task: PartitionTask) {
        if case .loading(let job) = task.phase {
            logger.info(
                "reading checkpoint",
                metadata: ["partition": "\(task.partition)", "percent": .stringConvertible(Int(job.share * 100))])
            return
        }
        let done = task.position - task.restoreStartOffset
        let rate = Double(done) / max(task.replayingSince.map { Self.seconds(since: $0) } ?? 0, 0.001)
        let left = task.state.restoreEndOffset - task.position
        logger.info(
            "rebuilding state",
            metadata: [
                "partition": "\(task.partition)", "percent": .stringConvertible(Int(task.restoredShare * 100)),
                "messages_per_second": .stringConvertible(Int(rate)),
                "seconds_left": rate > 0 ? .stringConvertible(Int(Double(left) / rate)) : "unknown",
            ])
    }

    /// What the customers take, and what they may come to.
    private func reportState(_ registry: PartitionRegistry) {
        let memory = registry.tasks.map { $0.state.table.estimatedMemory }
        logger.info(
            "state",
            metadata: [
                "customers": .stringConvertible(registry.gauges.customers),
                "mebibytes": .stringConvertible(memory.reduce(0) { $0 + $1.bytes } >> 20),
                "mebibytes_expected": .stringConvertible(memory.reduce(0) { $0 + $1.ceiling } >> 20),
            ])
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double { seconds(.now - start) }

    /// To the millisecond.
    private static func seconds(_ duration: Duration) -> Double { ((duration / .seconds(1)) * 1000).rounded() / 1000 }
}
