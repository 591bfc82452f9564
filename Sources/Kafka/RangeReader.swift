/// Reads ranges of a topic's partitions from their beginnings to their ends, without a group.
///
/// What is not delivered as a message, such as transaction markers, is passed over. One thread owns it.
package final class RangeReader {
    /// Partitions whose ranges have not been read to their ends.
    package private(set) var open: Set<TopicPartition>
    private let consumer: Consumer
    /// By the partition's number: all are of one topic.
    private let ranges: [Int32: (partition: TopicPartition, offsets: Range<Int64>)]
    private let batch = MessageBatch(capacity: 1000)
    private let patience: Duration
    private var lastMessage = ContinuousClock.now

    /// - Parameters:
    ///   - consumer: with `enable.partition.eof`; its assignment is replaced.
    ///   - ranges: offsets by partition; empty ones are left out.
    ///   - patienceMilliseconds: after so long without a message `read` gives up.
    /// - Throws: `KafkaError` if the partitions are refused.
    package init(
        _ consumer: Consumer, _ ranges: [TopicPartition: Range<Int64>], patienceMilliseconds: Int
    ) throws(KafkaError) {
        self.consumer = consumer
        let wanted = ranges.filter { !$0.value.isEmpty }
        self.ranges = Dictionary(uniqueKeysWithValues: wanted.map { ($0.key.partition, ($0.key, $0.value)) })
        open = Set(wanted.keys)
        patience = .milliseconds(patienceMilliseconds)
        try consumer.assign(wanted.map { PartitionOffset($0.key, offset: $0.value.lowerBound) })
    }

    /// Reads what is there, and waits a little where nothing is.
    /// - Parameter body: given each message of the ranges; those of one partition in order.
    /// - Returns: false when all ranges have been read, or when nothing has come for too long: then partitions are left open.
    /// - Throws: `KafkaError` that waiting does not mend, and what the body throws.
    package func read(_ body: (TopicPartition, Message) throws -> Void) throws -> Bool {
        guard !open.isEmpty, ContinuousClock.now - lastMessage < patience else { return false }
        try consumer.poll(into: batch, timeoutMilliseconds: 100)
        if let error = batch.errors.first(where: { $0.remedy != .retry }) { throw error }
        for position in 0..<batch.count {
            let message = batch[position]
            guard let (partition, range) = ranges[message.partition], open.contains(partition) else { continue }
            guard message.offset < range.upperBound else {
                open.remove(partition)
                continue
            }
            lastMessage = .now
            try body(partition, message)
            if message.offset + 1 >= range.upperBound { open.remove(partition) }
        }
        for end in batch.ends { open.remove(end.partition) }
        return !open.isEmpty
    }

    /// Reads no further messages of a partition.
    package func skipRest(of partition: TopicPartition) { open.remove(partition) }
}
