import Kafka
import Pipeline

/// One operating-system thread's work: it owns a consumer, a producer and the customers of its partitions, and shares
/// nothing while it runs.
///
/// poll → rebalance (inside poll) → commit when due → process the batch → a slice of a checkpoint → restores → commands.
/// Each step is one type's; `StreamThread+Assembly.swift` puts them together.
final class StreamThread {
    let parts: Parts
    let messages: MessageBatch
    private var past: [SourceBatch.Past] = []
    private var replayed = SourceBatch()
    private var live = SourceBatch()

    init(_ parts: Parts, messages: MessageBatch) {
        self.parts = parts
        self.messages = messages
        parts.consumer.rebalanceHandler = parts.membership
    }

    /// Works until told to stop, then commits what was processed and leaves the group, together with the other threads.
    /// - Parameter isOutdated: whether another model is served than the thread was made with; asked once, when it is too late for
    ///   that to go unnoticed.
    /// - Throws: what waiting cannot mend. Nothing that is uncommitted is lost by that: it is processed again. `OutdatedModel`.
    func run(until shutdown: Shutdown, isOutdated: () -> Bool) throws {
        parts.control.open(parts.consumer.waker)
        defer { close() }
        if isOutdated() { throw OutdatedModel() }
        do {
            try parts.consumer.subscribe(to: [parts.settings.inputTopic])
            while !shutdown.isRequested { try turn() }
            try leave(shutdown)
        } catch {
            // Closing the consumer releases its partitions, which must not commit what has not been published.
            parts.commits.finish()
            // Closing may take its time; the other threads need not wait for it.
            if shutdown.isRequested { shutdown.markCommitted(parts.number) }
            throw error
        }
    }

    private func turn() throws {
        try poll(timeoutMilliseconds: isBusy ? 1 : parts.settings.pollMilliseconds)
        // Before this batch: the records of the ones before have had the most time to be delivered.
        guard try perform(parts.commits.commitIfDue()), try perform(parts.changer.advance()),
            try perform(processAndCheckpoint())
        else { return }
        try parts.factory.advance()
        try parts.restorer.advance()
        for command in parts.control.take() { parts.queries.execute(command) }
        parts.queries.advance()
        parts.reporter.report(
            parts.registry, parts.pipeline.monitor, isMember: parts.membership.isMember,
            logEnd: { parts.consumer.latestKnownEnd(of: $0) },
            frequentCustomer: { parts.pipeline.takeFrequentCustomer(among: parts.registry.tasks.map(\.state)) })
    }

    /// Whether there is work that does not wait for messages.
    private var isBusy: Bool {
        parts.registry.isInTransition || parts.checkpointer.isRunning || parts.queries.isBusy
            || !parts.registry.rescoring.isEmpty
    }

    func poll(timeoutMilliseconds: Int) throws {
        try parts.consumer.poll(into: messages, timeoutMilliseconds: timeoutMilliseconds)
        try parts.membership.throwFailure()
        for error in messages.errors {
            if error.remedy == .fatal { throw error }
            parts.reporter.warn("kafka", error)
        }
        try parts.restorer.pauseWaiting()
        parts.output.poll()
    }

    /// - Returns: false when the worker was told to stop before Kafka answered: what was aborted is left to the next owner.
    private func perform(_ action: StreamAction) throws -> Bool {
        guard case .rewind = action else { return true }
        do {
            try rewind()
            return true
        } catch let error as KafkaError where error.remedy == .retry && parts.factory.isCancelled {
            return false
        }
    }

    /// A transaction that can no longer be committed takes what was processed in it with it.
    private func processAndCheckpoint() throws -> StreamAction {
        do {
            try process()
            return try parts.checkpointer.advance() ? .proceed : parts.commits.abort()
        } catch let error as KafkaError where error.remedy == .abortTransaction {
            return try parts.commits.abort(because: error)
        }
    }

    private func process() throws {
        let deadline = ContinuousClock.now + Self.rescoringSlice
        repeat {
            try rescore(until: deadline)
            try processMessages()
        } while parts.registry.rescoring.contains(where: \.takesMessages)
        for end in messages.ends {
            guard let task = parts.registry[end.partition.partition], task.reachedEnd(end.offset) else { continue }
            parts.restorer.finished(task)
        }
    }

    /// How much of a turn customers who are due may take: commits and other partitions wait meanwhile.
    private static let rescoringSlice = Duration.milliseconds(20)
    private static let rescoredAtOnce = 1024

    /// Scores customers who are due before their partitions' next messages. Partitions with more of them than one turn may take
    /// take no messages until they are done.
    private func rescore(until deadline: ContinuousClock.Instant) throws {
        for task in parts.registry.rescoring {
            while task.isRescoringDue, ContinuousClock.now < deadline {
                // What only rebuilds state is not taken back.
                if parts.pipeline.publishesDue(of: task.state) { parts.commits.prepareUndo(of: task.state) }
                let result = try parts.pipeline.rescore(task.state, rows: Self.rescoredAtOnce, into: parts.output)
                task.rescored(published: result.rescored)
                parts.reporter.rescored(result)
            }
            if task.isRescoringDue { task.awaitRescoring() } else { task.endRescoring() }
        }
    }

    private func processMessages() throws {
        SourceBatch.fill(
            past: &past, replayed: &replayed, live: &live, from: messages, of: parts.registry, for: parts.pipeline)
        for (model, batch) in past { try process(batch, by: model) }
        try process(replayed)
        parts.commits.prepareUndo(of: live)
        try process(live)
    }

    private func process(_ batch: SourceBatch, by past: ScoringModel? = nil) throws {
        guard !batch.messages.isEmpty else { return }
        let result = try parts.pipeline.process(batch, by: past, into: parts.output)
        for (run, live) in zip(batch.runs, result.liveOfRun) {
            guard let task = parts.registry[run.partition.number] else { continue }
            if task.processed(live: live) { parts.restorer.finished(task) }
        }
        parts.checkpointer.measured(
            messages: result.live + result.restored, seconds: result.times.secondsIntoState)
        parts.reporter.processed(result, messages: batch.messages.count)
    }

    /// Takes every partition that has uncommitted messages back to its last commit; the restorer moves the consumer there. Where
    /// that cannot be done in place, the partition is restored from its checkpoint and the log.
    private func rewind() throws {
        parts.pipeline.discardPending()
        let uncommitted = parts.registry.tasks.filter(\.hasUncommittedState)
        let notUndoable = try parts.factory.undo(uncommitted)
        if !notUndoable.isEmpty {
            parts.membership.release(notUndoable)
            try parts.factory.makeTasks(for: notUndoable, isNew: false)
            try parts.restorer.pauseWaiting()
        }
        parts.commits.rewound()
    }
}

/// Another model is served than a thread was made with.
struct OutdatedModel: Error {}
