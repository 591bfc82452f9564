import Customers
import Foundation
import Kafka

/// Bringing back a partition's state: the newest valid checkpoint, then the log up to the committed offset.
extension StreamThread {
    /// Keeps the consumer from reading partitions whose checkpoints are still being read.
    func pauseLoading() throws {
        let loading = tasks.values.filter { $0.phase == .loading && !paused.contains($0.partition) }.map(\.partition)
        if loading.isEmpty { return }
        try consumer.pause(loading)
        paused.formUnion(loading)
    }

    /// Goes on with the partitions whose checkpoints have been read.
    /// - Throws: `WorkerError` when a state cannot be brought back and the policy is to stop.
    func finishLoading() throws {
        for task in tasks.values where task.phase != .running {
            if task.phase == .loading, let result = task.restore?.take() {
                do {
                    try take(result.get(), for: task)
                } catch let error as KafkaError where error.remedy == .retry {
                    trouble("checkpoint is read again", error)
                    task.restoreAgain(restoreJob(task.partition, task.liveFrom))
                }
            }
            if task.phase == .seeking { try seek(task) }
        }
    }

    private func take(_ state: RestoredState, for task: PartitionTask) throws {
        task.take(state, decoderFingerprint: decoderFingerprint)
        // Retention may have moved on while the checkpoint was being read.
        let partition = task.partition
        let log = try patiently { () throws(KafkaError) in
            try consumer.watermarks(of: partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
        }
        task.logStart = log.low
        try checkReach(task, checkpoint: state.header?.offset)
        countCustomers()
        budget.loaded(bytes: state.bytes, seconds: task.restore?.seconds ?? 0)
        guard let header = state.header else {
            if task.next < task.liveFrom {
                logger.info(
                    "no checkpoint: the log is read from its start", metadata: ["partition": "\(task.partition)"])
            }
            return
        }
        if let error = task.gradingError {
            logger.warning(
                "grading begins anew: the checkpoint's predictions are of no use",
                metadata: ["partition": "\(task.partition)", "reason": "\(error)"])
        }
        if header.decoderFingerprint != decoderFingerprint {
            logger.warning(
                "the checkpoint was made under other names of fields: what it holds stays as it was understood then",
                metadata: ["partition": "\(task.partition)", "offset": "\(header.offset)"])
        }
        logger.info(
            "checkpoint read",
            metadata: [
                "partition": "\(task.partition)", "offset": "\(header.offset)", "customers": "\(task.table.count)",
                "seconds": "\(Self.seconds(since: task.assigned))",
            ])
    }

    /// Applies the policy for a log that no longer reaches back to what the state lacks.
    func checkReach(_ task: PartitionTask, checkpoint: Int64?) throws(WorkerError) {
        guard task.logStart > (checkpoint ?? 0) else { return }
        let what =
            "\(task.partition): the log begins at offset \(task.logStart), and "
            + (checkpoint.map { "the newest usable checkpoint ends at \($0)" } ?? "there is no usable checkpoint")
            + ": the customers' earlier events are lost"
        switch settings.whenLogIsCut {
        case .fail:
            throw WorkerError(
                "\(what). Bring a checkpoint or the log back, or set recovery.when_log_is_cut: continue to go on with "
                    + "every prediction of this partition marked as state_incomplete")
        case .continue:
            task.markIncomplete()
            logger.error("\(what); its predictions are marked as state_incomplete")
        }
    }

    /// Takes the consumer to where a partition's checkpoint ends.
    private func seek(_ task: PartitionTask) throws {
        do throws(KafkaError) {
            try consumer.resume([task.partition])
            paused.remove(task.partition)
            try consumer.seek(
                to: [PartitionOffset(task.partition, offset: task.start)],
                timeoutMilliseconds: Self.requestTimeoutMilliseconds)
        } catch {
            // Not yet fetched, or not ours any more: the next round, or the rebalance that follows, decides.
            guard error.remedy != .fatal || error.isWrongState else { throw error }
            trouble("partition waits", error)
            return
        }
        task.startRunning()
        if !task.isRestoring { restoreFinished(task) }
    }

    func restoreFinished(_ task: PartitionTask) {
        counters.restoring.subtract(1, ordering: .relaxed)
        let seconds = Self.seconds(since: task.running ?? .now)
        budget.restored(messages: task.liveFrom - task.start, seconds: seconds)
        logger.info(
            "state rebuilt",
            metadata: [
                "partition": "\(task.partition)", "messages": "\(task.liveFrom - task.start)",
                "customers": "\(task.table.count)", "seconds": "\(Self.seconds(since: task.assigned))",
            ])
    }

    /// Says now and then how far the partitions are that are being brought back.
    func reportRestores() {
        guard counters.restoring.load(ordering: .relaxed) > 0 else { return }
        restoreReports.run { _ in
            for task in tasks.values.filter(\.isRestoring).sorted(by: { $0.partition < $1.partition }) {
                guard let running = task.running else {
                    logger.info(
                        "reading checkpoint",
                        metadata: [
                            "partition": "\(task.partition)",
                            "percent": "\(Int((task.restore?.share ?? 0) * 100))",
                        ])
                    continue
                }
                let done = task.next - task.start
                let rate = Double(done) / max(Self.seconds(since: running), 0.001)
                let left = task.liveFrom - task.next
                logger.info(
                    "rebuilding state",
                    metadata: [
                        "partition": "\(task.partition)",
                        "percent": "\(done * 100 / max(task.liveFrom - task.start, 1))",
                        "messages_per_second": "\(Int(rate))",
                        "seconds_left": rate > 0 ? "\(Int(Double(left) / rate))" : "unknown",
                    ])
            }
        }
    }

    /// Says once a minute what the customers take, and what they may come to.
    func reportState() {
        guard ContinuousClock.now >= stateReport else { return }
        stateReport = .now + .seconds(60)
        let memory = tasks.values.map { $0.table.estimatedMemory }
        logger.info(
            "state",
            metadata: [
                "customers": "\(tasks.values.reduce(0) { $0 + $1.table.count })",
                "mebibytes": "\(memory.reduce(0) { $0 + $1.bytes } >> 20)",
                "mebibytes_expected": "\(memory.reduce(0) { $0 + $1.ceiling } >> 20)",
            ])
    }

    static func seconds(since start: ContinuousClock.Instant) -> Double {
        (((ContinuousClock.now - start) / .seconds(1)) * 1000).rounded() / 1000
    }
}
