import Foundation
import Kafka

/// What happens when the group gives partitions and takes them: inside poll, on the thread that owns them.
extension StreamThread: RebalanceHandler {
    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        // Nothing of them is read any more.
        if isLeaving { return partitions.map { PartitionOffset($0, offset: PartitionOffset.end) } }
        do {
            return try take(partitions, isNew: true)
        } catch {
            failure = error
            return []
        }
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {
        do {
            try commit()
            // Whoever gets the partition reads this again; it must not be committed behind their back.
            let isLeftOver = hasPublishedRecords || partitions.contains { (tasks[$0.partition]?.uncommitted ?? 0) > 0 }
            if isLeftOver, !hasFailed { try giveUpUncommitted() }
        } catch {
            failure = error
        }
        drop(partitions)
    }

    func lost(_ partitions: [TopicPartition], consumer: Consumer) {
        do {
            if !hasFailed { try giveUpUncommitted() }
        } catch {
            failure = error
        }
        drop(partitions)
    }

    /// Makes tasks for partitions, and has their checkpoints read.
    /// - Parameter isNew: the consumer will start where this says; otherwise it is somewhere else and has to be moved.
    /// - Returns: the offsets to read from; where there are checkpoints, only until they have been read.
    @discardableResult
    func take(_ partitions: [TopicPartition], isNew: Bool) throws -> [PartitionOffset] {
        let committed = try patiently { () throws(KafkaError) in
            try consumer.committed(partitions, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
        }
        return try committed.map { position in
            let log = try patiently { () throws(KafkaError) in
                try consumer.watermarks(of: position.partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
            }
            let liveFrom = try liveFrom(position, log)
            let task = PartitionTask(
                partition: position.partition, logStart: log.low, logEnd: log.high, liveFrom: liveFrom,
                timeToLiveDays: settings.timeToLiveDays, restore: restoreJob(position.partition, liveFrom),
                grader: makeGrader(), isAtStart: isNew, nextCheckpoint: .now + checkpointPause)
            tasks[position.partition.partition] = task
            counters.partitions.add(1, ordering: .relaxed)
            if task.isRestoring { counters.restoring.add(1, ordering: .relaxed) }
            logger.info(
                "partition assigned",
                metadata: [
                    "partition": "\(position.partition)", "log_start": "\(log.low)", "live_from": "\(liveFrom)",
                    "log_end": "\(log.high)",
                ])
            if task.phase != .loading { try checkReach(task, checkpoint: nil) }
            return PartitionOffset(position.partition, offset: task.phase == .loading ? liveFrom : task.start)
        }
    }

    func restoreJob(_ partition: TopicPartition, _ liveFrom: Int64) -> RestoreJob? {
        guard let store else { return nil }
        let timeToLiveDays = settings.timeToLiveDays
        let logger = logger
        return RestoreJob(on: restoreQueue) { progress in
            try store.restore(
                RestoreRequest(
                    partition: partition, committed: liveFrom, timeToLiveDays: timeToLiveDays, progress: progress,
                    warn: { logger.warning("\($0)") }))
        }
    }

    func drop(_ partitions: [TopicPartition]) {
        for partition in partitions {
            guard let task = tasks.removeValue(forKey: partition.partition) else { continue }
            if checkpointRun?.task === task { dropCheckpoint() }
            task.restore?.cancel()
            paused.remove(partition)
            counters.partitions.subtract(1, ordering: .relaxed)
            if task.isRestoring { counters.restoring.subtract(1, ordering: .relaxed) }
            logger.info("partition given up", metadata: ["partition": "\(partition)", "next": "\(task.next)"])
        }
        countCustomers()
    }

    /// Where publishing begins: at the committed offset; without a usable one, where `auto.offset.reset` says.
    private func liveFrom(_ committed: PartitionOffset, _ log: Watermarks) throws -> Int64 {
        if (log.low...log.high).contains(committed.offset) { return committed.offset }
        if committed.offset >= 0 {
            logger.warning(
                "the committed offset is not in the log: was the topic made anew?",
                metadata: [
                    "partition": "\(committed.partition)", "committed": "\(committed.offset)",
                    "log_start": "\(log.low)", "log_end": "\(log.high)",
                ])
        }
        switch settings.offsetReset {
        case "latest", "largest", "end": return log.high
        case "error":
            throw WorkerError("\(committed.partition) has no committed offset, and auto.offset.reset is error")
        default: return log.low
        }
    }

    /// Repeats what may yet succeed, with pauses, for as long as the group lets a member be silent.
    func patiently<Result>(_ request: () throws(KafkaError) -> Result) throws(KafkaError) -> Result {
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
}
