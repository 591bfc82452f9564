import Kafka
import Pipeline

/// Looks up single messages of the input's log, beside the stream.
struct LogReader {
    private static let timeoutMilliseconds = 10_000

    private let properties: [String: String]

    /// - Parameter properties: of a consumer.
    init(properties: [String: String]) {
        self.properties = properties.merging([
            "group.id": "future-cart-log-reader", "enable.auto.commit": "false", "auto.offset.reset": "error",
            "isolation.level": "read_uncommitted", "enable.partition.eof": "true", "queued.min.messages": "1",
        ]) { $1 }
    }

    /// Whether a partition's log still has a message, or cannot have it any more.
    /// - Returns: false if there is another one at its offset.
    /// - Throws: `KafkaError` when nobody answers in time.
    func has(_ mark: LogMark, in partition: TopicPartition) throws(KafkaError) -> Bool {
        let consumer = try Consumer(properties: properties)
        defer { consumer.close() }
        try consumer.assign([PartitionOffset(partition, offset: mark.offset)])
        let batch = MessageBatch(capacity: 1)
        let deadline = ContinuousClock.now + .milliseconds(Self.timeoutMilliseconds)
        var last: KafkaError?
        while ContinuousClock.now < deadline {
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            if batch.count > 0 {
                let message = batch[0]
                // Retention, or a transaction that was aborted, has taken it away.
                guard message.offset == mark.offset else { return true }
                return mark
                    == LogMark(
                        offset: message.offset, timestampMilliseconds: message.timestampMilliseconds,
                        value: message.value)
            }
            if !batch.ends.isEmpty { return true }
            if let error = batch.errors.last {
                if error.isOutsideLog { return true }
                guard error.remedy == .retry else { throw error }
                last = error
            }
        }
        throw last ?? KafkaError.timedOut("look for the checkpoint's last message in \(partition)")
    }
}
