import Foundation
import Kafka

/// What happens when the group gives partitions and takes them: inside poll, on the thread that owns them.
extension StreamThread: RebalanceHandler {
    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset] {
        do {
            return try take(partitions)
        } catch {
            failure = error
            return []
        }
    }

    func revoked(_ partitions: [TopicPartition], consumer: Consumer) {
        do {
            try commit()
            // Whoever gets the partition reads this again; it must not be committed behind their back.
            let isLeftOver = partitions.contains { (tasks[$0.partition]?.uncommitted ?? 0) > 0 }
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

    /// Makes tasks for partitions, with the offsets to read from: the log's start rebuilds the state up to the committed
    /// offset, publishing nothing.
    func take(_ partitions: [TopicPartition]) throws -> [PartitionOffset] {
        let committed = try patiently { () throws(KafkaError) in
            try consumer.committed(partitions, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
        }
        return try committed.map { position in
            let log = try patiently { () throws(KafkaError) in
                try consumer.watermarks(of: position.partition, timeoutMilliseconds: Self.requestTimeoutMilliseconds)
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
    }

    func drop(_ partitions: [TopicPartition]) {
        for partition in partitions {
            guard let task = tasks.removeValue(forKey: partition.partition) else { continue }
            counters.partitions.subtract(1, ordering: .relaxed)
            if task.isRestoring { counters.restoring.subtract(1, ordering: .relaxed) }
            logger.info("partition given up", metadata: ["partition": "\(partition)", "next": "\(task.next)"])
        }
        countCustomers()
    }

    func restoreFinished(_ task: PartitionTask) {
        counters.restoring.subtract(1, ordering: .relaxed)
        logger.info(
            "state rebuilt",
            metadata: [
                "partition": "\(task.partition)", "messages": "\(task.liveFrom - task.start)",
                "customers": "\(task.table.count)",
            ])
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
}
