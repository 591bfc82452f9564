import Events
import Kafka

/// A range of a topic: offsets of each partition, from a first message up to one that it does not hold.
package struct TopicRange {
    /// One end of a range.
    package enum Bound: Equatable, Sendable {
        /// The same offset in each partition.
        case offset(Int64)
        /// The time of messages, milliseconds since 1970.
        case time(Int64)

        /// A number is an offset, anything else a time in ISO 8601.
        package init?(_ text: String) {
            if let offset = Int64(text), offset >= 0 {
                self = .offset(offset)
            } else if let time = EventTime.parse(text) {
                self = .time(time)
            } else {
                return nil
            }
        }
    }

    static let timeoutMilliseconds = 30_000

    /// The offsets of each partition of the topic; empty where the partition has none in the range.
    package let offsets: [TopicPartition: Range<Int64>]
    /// Offsets in all partitions. Some may hold no message, such as a transaction's end.
    package var count: Int { offsets.values.reduce(0) { $0 + $1.count } }

    /// Asks the broker.
    /// - Parameters:
    ///   - from: the first message; where each partition begins unless given.
    ///   - until: the message behind the last one; where each partition ends at present unless given.
    /// - Throws: `KafkaError`; `TopicHistoryError` if there is no such topic.
    package init(of topic: String, from: Bound? = nil, until: Bound? = nil, _ consumer: Consumer) throws {
        guard let count = try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds) else {
            throw TopicHistoryError("there is no topic \(topic)")
        }
        let partitions = (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
        let starts = try Self.resolve(from, partitions, consumer)
        let ends = try Self.resolve(until, partitions, consumer)
        var offsets: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            let log = try consumer.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
            let low = min(max(starts?[partition] ?? log.low, log.low), log.high)
            let high = max(min(ends?[partition] ?? log.high, log.high), low)
            offsets[partition] = low..<high
        }
        self.offsets = offsets
    }

    /// A bound as an offset for each partition; the largest possible where every message is older.
    private static func resolve(
        _ bound: Bound?, _ partitions: [TopicPartition], _ consumer: Consumer
    ) throws(KafkaError) -> [TopicPartition: Int64]? {
        switch bound {
        case nil: return nil
        case .offset(let offset): return Dictionary(uniqueKeysWithValues: partitions.map { ($0, offset) })
        case .time(let time):
            let found = try consumer.offsets(
                forTimes: Dictionary(uniqueKeysWithValues: partitions.map { ($0, time) }),
                timeoutMilliseconds: timeoutMilliseconds)
            return Dictionary(uniqueKeysWithValues: found.map { ($0.partition, $0.offset >= 0 ? $0.offset : .max) })
        }
    }
}
