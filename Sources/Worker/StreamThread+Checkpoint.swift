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

        let isFull: Bool

        init(task: PartitionTask, writer: any CheckpointWriter, isFull: Bool) {
            self.task = task
            self.isFull = isFull
            self.writer = writer
            offset = task.next
        }
    }

    /// The partition of which a checkpoint is to be taken: of those that are due the one that would take longest to bring
    /// back.
    var dueCheckpoint: PartitionTask? {
        let now = ContinuousClock.now
        guard store != nil, checkpointRun == nil, !mustGoBack, now >= noCheckpointBefore else { return nil }
        let due = tasks.values.filter { task in
            !task.isRestoring && now >= task.nextCheckpoint
                && (isStale(task, now)
                    || budget.isDue(
                        next: task.next, checkpoint: task.checkpoint?.offset ?? task.logStart, logStart: task.logStart,
                        checkpointBytes: task.checkpoint?.bytes ?? 0))
        }
        return due.max(by: { behind($0) < behind($1) })
    }

    /// Begins a checkpoint where one is due, if everything that was processed is committed: then the state stands at the
    /// committed offset.
    func beginCheckpoint() {
        guard let store, !hasPublishedRecords, tasks.values.allSatisfy({ $0.uncommitted == 0 }),
            let task = dueCheckpoint
        else { return }
        let header = CheckpointHeader(
            of: task, decoderFingerprint: decoderFingerprint, timeToLiveDays: settings.timeToLiveDays)
        do {
            let writer = try store.begin(header, after: task.lineage, publisher: self)
            let isFull = !store.isIncremental || task.lineage.root == nil
            task.beginSnapshot(isFull: isFull)
            checkpointRun = CheckpointRun(task: task, writer: writer, isFull: isFull)
        } catch {
            checkpointFailed(task, error)
        }
    }

    /// An hour without a checkpoint and something to write: where little comes in, retention must not overtake the last one.
    private func isStale(_ task: PartitionTask, _ now: ContinuousClock.Instant) -> Bool {
        behind(task) > 0 && now >= task.nextCheckpoint + .seconds(3600)
    }

    /// Shortest time between a partition's checkpoints.
    var checkpointPause: Duration { .seconds(settings.recoverySeconds / 4) }

    private func behind(_ task: PartitionTask) -> Int64 { task.next - (task.checkpoint?.offset ?? task.logStart) }

    /// Goes on with the checkpoint under way for about a millisecond.
    /// - Throws: what has happened to the transaction that its records are part of.
    func continueCheckpoint() throws {
        guard let run = checkpointRun else { return }
        let deadline = ContinuousClock.now + .milliseconds(1)
        do {
            while !run.isWritten, run.writer.isReady {
                var records = ByteWriter()
                let isMore = try run.task.writeSnapshot(into: &records, bytes: Self.sliceBytes)
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
        failurePause = 1
        // What has to be read for it: of changes alone, those before as well.
        let earlier = run.isFull ? 0 : task.checkpoint?.bytes ?? 0
        task.checkpoint = (run.offset, earlier + receipt.bytes)
        task.lineage = receipt.lineage
        task.nextCheckpoint = .now + checkpointPause
        counters.checkpoints.add(1, ordering: .relaxed)
        monitor.checkpointTaken(seconds: (ContinuousClock.now - run.started) / .seconds(1))
        logger.info(
            "checkpoint taken",
            metadata: [
                "partition": "\(task.partition)", "offset": "\(run.offset)", "bytes": "\(receipt.bytes)",
                "customers": "\(task.table.count)", "seconds": "\(Self.seconds(since: run.started))",
            ])
        let recovery = budget.recovery(messages: 0, checkpointBytes: earlier + receipt.bytes)
        if recovery > settings.recoverySeconds {
            logger.warning(
                "recovery.max_seconds cannot be kept: reading the checkpoint alone takes longer; use more partitions",
                metadata: ["partition": "\(task.partition)", "seconds": "\(Int(recovery))"])
        }
    }

    /// The stream goes on; a later attempt may succeed.
    private func failCheckpoint(_ run: CheckpointRun, _ error: any Error) throws {
        dropCheckpoint()
        checkpointFailed(run.task, error)
        // What was published of it must not last by halves: its transaction is done anew without it.
        if hasPublishedRecords {
            try giveUpUncommitted()
            if mustGoBack { try goBack() }
        }
        if let error = error as? KafkaError, error.isFatal { throw error }
    }

    func checkpointFailed(_ task: PartitionTask, _ error: any Error) {
        failurePause = min(failurePause * 2, max(settings.recoverySeconds, 60))
        noCheckpointBefore = .now + .seconds(failurePause)
        counters.checkpointFailures.add(1, ordering: .relaxed)
        logger.error(
            "checkpoint failed; the stream goes on, and recovery takes longer until one succeeds",
            metadata: ["partition": "\(task.partition)", "error": "\(error)"])
    }

    /// Ends the checkpoint under way without a result.
    func dropCheckpoint() {
        guard let run = checkpointRun else { return }
        run.writer.giveUp()
        run.task.giveUpSnapshot()
        checkpointRun = nil
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
