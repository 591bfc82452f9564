import Customers
import Foundation
import Kafka

/// Taking checkpoints, one partition at a time, in slices between batches.
extension StreamThread {
    /// A checkpoint under way.
    final class CheckpointRun {
        let task: PartitionTask
        let writer: any CheckpointWriter
        let offset: Int64
        let started = ContinuousClock.now
        var isWritten = false

        init(task: PartitionTask, writer: any CheckpointWriter) {
            self.task = task
            self.writer = writer
            offset = task.next
        }
    }

    /// Begins a checkpoint where one is due, if everything that was processed is committed: then the state stands at the
    /// committed offset.
    func beginCheckpoint() {
        guard let store, checkpointRun == nil, !mustGoBack, !hasPublishedRecords,
            tasks.values.allSatisfy({ $0.uncommitted == 0 })
        else { return }
        let now = ContinuousClock.now
        let due = tasks.values.filter { task in
            !task.isRestoring && now >= task.nextCheckpoint
                && budget.isDue(
                    next: task.next, checkpoint: task.checkpoint?.offset ?? task.logStart, logStart: task.logStart,
                    checkpointBytes: task.checkpoint?.bytes ?? 0)
        }
        // The one that would take longest to bring back.
        guard let task = due.max(by: { behind($0) < behind($1) }) else { return }
        let header = CheckpointHeader(
            of: task, decoderFingerprint: decoderFingerprint, timeToLiveDays: settings.timeToLiveDays)
        do {
            let writer = try store.begin(header, after: task.lineage, publisher: self)
            task.table.beginSnapshot(store.isIncremental && task.lineage.root != nil ? .changes : .everything)
            checkpointRun = CheckpointRun(task: task, writer: writer)
        } catch {
            checkpointFailed(task, error)
        }
    }

    /// Shortest time between a partition's checkpoints.
    var checkpointPause: Duration { .seconds(settings.recoverySeconds / 4) }

    private func behind(_ task: PartitionTask) -> Int64 { task.next - (task.checkpoint?.offset ?? task.logStart) }

    /// Goes on with the checkpoint under way for about a millisecond.
    /// - Throws: what has happened to the transaction that its records are part of.
    func continueCheckpoint() throws(KafkaError) {
        guard let run = checkpointRun else { return }
        let deadline = ContinuousClock.now + .milliseconds(1)
        do {
            while !run.isWritten, run.writer.isReady {
                var records = ByteWriter()
                let isMore = run.task.table.writeSnapshot(into: &records, bytes: Self.sliceBytes)
                if records.count > 0 { try run.writer.append(records.take()) }
                if !isMore {
                    try run.writer.finish()
                    run.isWritten = true
                }
                if ContinuousClock.now >= deadline { break }
            }
        } catch {
            return try failCheckpoint(run, error)
        }
        switch run.writer.outcome {
        case nil: break
        case .success(let receipt): checkpointTaken(run, receipt)
        case .failure(let error): try failCheckpoint(run, error)
        }
    }

    private func checkpointTaken(_ run: CheckpointRun, _ receipt: CheckpointReceipt) {
        checkpointRun = nil
        let task = run.task
        task.checkpoint = (run.offset, receipt.bytes)
        task.lineage = receipt.lineage
        task.nextCheckpoint = .now + checkpointPause
        counters.checkpoints.add(1, ordering: .relaxed)
        logger.info(
            "checkpoint taken",
            metadata: [
                "partition": "\(task.partition)", "offset": "\(run.offset)", "bytes": "\(receipt.bytes)",
                "customers": "\(task.table.count)", "seconds": "\(Self.seconds(since: run.started))",
            ])
        let recovery = budget.recovery(messages: 0, checkpointBytes: receipt.bytes)
        if recovery > settings.recoverySeconds {
            logger.warning(
                "recovery.max_seconds cannot be kept: reading the checkpoint alone takes longer; use more partitions",
                metadata: ["partition": "\(task.partition)", "seconds": "\(Int(recovery))"])
        }
    }

    /// The stream goes on; a later attempt may succeed.
    private func failCheckpoint(_ run: CheckpointRun, _ error: any Error) throws(KafkaError) {
        dropCheckpoint()
        checkpointFailed(run.task, error)
        // With its records the whole transaction has failed, or the producer: that is the commit cycle's matter.
        if let error = error as? KafkaError, error.isFatal || error.remedy == .abortTransaction { throw error }
    }

    private func checkpointFailed(_ task: PartitionTask, _ error: any Error) {
        task.nextCheckpoint = .now + .seconds(max(settings.recoverySeconds / 2, 5))
        counters.checkpointFailures.add(1, ordering: .relaxed)
        logger.error(
            "checkpoint failed; the stream goes on, and recovery takes longer until one succeeds",
            metadata: ["partition": "\(task.partition)", "error": "\(error)"])
    }

    /// Ends the checkpoint under way without a result. What it has given up counts as changed no more, so that the next
    /// one has to be full.
    func dropCheckpoint() {
        guard let run = checkpointRun else { return }
        run.writer.giveUp()
        run.task.table.giveUpSnapshot()
        run.task.lineage.root = nil
        checkpointRun = nil
    }

    /// Asks for one partition after the other where its log begins: retention moves that on.
    func findLogStart() {
        guard store != nil, ContinuousClock.now >= logStartQuery else { return }
        logStartQuery = .now + .seconds(10)
        let running = tasks.values.filter { !$0.isRestoring }.sorted { $0.partition < $1.partition }
        guard !running.isEmpty else { return }
        logStartTurn = (logStartTurn + 1) % running.count
        let task = running[logStartTurn]
        if let log = try? consumer.watermarks(of: task.partition, timeoutMilliseconds: 1000) { task.logStart = log.low }
    }
}

extension StreamThread: CheckpointPublisher {
    func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) throws {
        try cycle.begin()
        hasPublishedRecords = true
        let topic = try producer.topic(named: topic)
        try key.withUnsafeBytes { key in
            guard let value else { return try producer.produce(to: topic, partition: partition, key: key, value: nil) }
            try value.withUnsafeBytes { try producer.produce(to: topic, partition: partition, key: key, value: $0) }
        }
    }

    var outstanding: Int { producer.outstanding }
}
