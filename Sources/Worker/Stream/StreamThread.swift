import Kafka
import Pipeline

/// One operating-system thread's work: it owns a consumer, a producer and the customers of its partitions, and shares
/// nothing while it runs.
///
/// poll → rebalance (inside poll) → commands → commit when due → process the batch → a slice of a checkpoint → restores.
/// Each step is one type's; `StreamThread+Assembly.swift` puts them together.
final class StreamThread {
    let parts: Parts
    let messages: MessageBatch
    private var batch = SourceBatch()

    init(_ parts: Parts, messages: MessageBatch) {
        self.parts = parts
        self.messages = messages
        parts.consumer.rebalanceHandler = parts.membership
    }

    /// Works until told to stop, then commits what was processed and leaves the group, together with the other threads.
    /// - Throws: what waiting cannot mend. Nothing that is uncommitted is lost by that: it is processed again.
    func run(until shutdown: Shutdown) throws {
        parts.control.open(parts.consumer.waker)
        defer { close() }
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
        for command in parts.control.take() { parts.queries.execute(command) }
        // Before this batch: the records of the ones before have had the most time to be delivered.
        try follow(parts.commits.commitIfDue())
        try follow(processAndCheckpoint())
        try parts.restorer.advance()
        parts.queries.advance()
        parts.reporter.report(parts.registry, parts.pipeline.monitor) { parts.consumer.latestKnownEnd(of: $0) }
    }

    /// Whether there is work that does not wait for messages.
    private var isBusy: Bool { parts.registry.isInTransition || parts.checkpointer.isRunning || parts.queries.isBusy }

    func poll(timeoutMilliseconds: Int) throws {
        try parts.consumer.poll(into: messages, timeoutMilliseconds: timeoutMilliseconds)
        try parts.membership.throwFailure()
        for error in messages.errors {
            if error.remedy == .fatal { throw error }
            parts.reporter.warn("kafka", error)
        }
        try parts.restorer.pauseLoading()
        parts.output.poll()
    }

    private func follow(_ action: StreamAction) throws {
        if case .rewind = action { try rewind() }
    }

    /// A transaction that can no longer be committed takes what was processed in it with it.
    private func processAndCheckpoint() throws -> StreamAction {
        do {
            try process()
            return try parts.checkpointer.advance() ? .goOn : parts.commits.abort()
        } catch let error as KafkaError where error.remedy == .abortTransaction {
            return try parts.commits.abort(because: error)
        }
    }

    private func process() throws {
        batch.fill(from: messages, of: parts.registry, withUndo: parts.commits.supportsAbort)
        guard !batch.messages.isEmpty else { return }
        let result = try parts.pipeline.process(batch, into: parts.output)
        for (run, live) in zip(batch.runs, result.liveOfRun) {
            guard let task = parts.registry[run.partition.number] else { continue }
            if task.processed(live: live) { parts.restorer.finished(task) }
        }
        parts.checkpointer.measured(
            messages: result.live + result.restored, seconds: result.times.secondsIntoState)
        parts.reporter.processed(result, messages: messages.count)
    }

    /// Takes every partition that has uncommitted messages back to its last commit. Where that cannot be done in place, it is
    /// restored from its checkpoint and the log.
    private func rewind() throws {
        parts.pipeline.discardPending()
        let uncommitted = parts.registry.tasks.filter(\.hasUncommittedState)
        if !uncommitted.isEmpty { parts.reporter.rewinding(uncommitted.map(\.partition)) }
        let lost = uncommitted.filter { !$0.rewind() }.map(\.partition)
        if !lost.isEmpty {
            parts.membership.release(lost)
            try parts.factory.makeTasks(for: lost, isNew: false)
            try parts.restorer.pauseLoading()
        }
        parts.commits.rewound()
    }
}
