import Events
import Kafka
import Pipeline

/// What a topic's log has from given offsets on, as far as a history may hold it too.
struct LogOverlap {
    /// Of one partition.
    struct Partition {
        /// How often the log has each event, by its signature.
        var events: [UInt64: Int] = [:]
        /// The first message of the log.
        var mark: LogMark?
        /// The first event's time, milliseconds.
        var firstTime: Int64?
        /// Messages in a row whose events are all later than the history.
        fileprivate var later = 0
    }

    /// A partition is read until so many messages in a row are later than the history.
    private static let enoughLater = 10_000
    private static let patienceMilliseconds = 30_000

    private(set) var partitions: [Int32: Partition] = [:]
    /// Events whose customers' keys are where Kafka's partitioner (murmur2) puts them, where librdkafka's own (CRC-32) does, and all.
    private(set) var placed = (murmur2: 0, consistent: 0, all: 0)

    /// Reads the log.
    /// - Parameters:
    ///   - historyEnd: event time that no event of the history is later than, milliseconds.
    ///   - ranges: of each partition, the offsets from where the log goes on to its end.
    /// - Throws: `KafkaError`; `WorkerError` when the log gives nothing; `SchemaUnavailable`.
    init(
        _ ranges: [TopicPartition: Range<Int64>], historyEnd: Int64, format: EventFormat, properties: [String: String]
    ) throws {
        let own = [
            "group.id": "future-cart-bootstrap", "enable.auto.commit": "false", "isolation.level": "read_committed",
            "enable.partition.eof": "true", "auto.offset.reset": "error",
        ]
        let consumer = try Consumer(properties: properties.merging(own) { $1 })
        defer { consumer.close() }
        let reader = try RangeReader(consumer, ranges, patienceMilliseconds: Self.patienceMilliseconds)
        let decoder = EventDecoder(format: format)
        var finished: Set<TopicPartition> = []
        while try reader.read({ partition, message in
            var part = partitions[partition.partition] ?? Partition()
            let start = ranges[partition]?.lowerBound ?? 0
            // As in the worker, a redriven event counts where its original stands.
            let original = RedrivenMessage.originalOffset(message.header(RedrivenMessage.header))
            if original.map({ RedrivenMessage.isInLog($0, before: message.offset, from: start) }) != true {
                try take(message, decoder, historyEnd, ranges.count, &part)
            }
            if part.later >= Self.enoughLater { finished.insert(partition) }
            partitions[partition.partition] = part
        }) {
            for partition in finished { reader.skipRest(of: partition) }
        }
        guard reader.open.isSubset(of: finished) else {
            throw WorkerError(
                "the topic gives no more messages, though there are some: is the broker still there? "
                    + reader.open.map { "\($0)" }.sorted().joined(separator: ", "))
        }
    }

    private mutating func take(
        _ message: Message, _ decoder: EventDecoder, _ historyEnd: Int64, _ count: Int, _ part: inout Partition
    ) throws {
        if part.mark == nil {
            part.mark = LogMark(
                offset: message.offset, timestampMilliseconds: message.timestampMilliseconds, value: message.value)
        }
        guard let value = message.value else { return }
        try decoder.fetchSchema(of: value)
        part.later += 1
        // What is no event is none in a history either.
        var found: [(signature: UInt64, time: Int64)] = []
        var placed = placed
        let isUnderstood =
            (try? decoder.decode(value, timestamp: message.timestampMilliseconds) { event in
                guard !event.isAnonymous else { return }
                found.append((event.signature, event.time))
                placed.all += 1
                let key = Array(event.customerID)
                if Murmur2Partitioner.partition(of: key, count: count) == message.partition { placed.murmur2 += 1 }
                if ConsistentPartitioner.partition(of: event.customerID, count: count) == message.partition {
                    placed.consistent += 1
                }
            }) != nil
        guard isUnderstood else { return }
        self.placed = placed
        for (signature, time) in found {
            part.events[signature, default: 0] += 1
            if part.firstTime == nil { part.firstTime = time }
            if time <= historyEnd { part.later = 0 }
        }
    }
}

extension CustomerEvent {
    /// Tells the event from all others but those that say the same.
    var signature: UInt64 {
        let words: [UInt64] = [
            customerHash, invoiceHash, stockCodeHash, descriptionHash, countryHash, UInt64(bitPattern: time),
            UInt64(bitPattern: quantity), UInt64(bitPattern: unitPrice), UInt64(bitPattern: amount),
            isCancellation ? 1 : 0,
        ]
        return words.withUnsafeBytes { contentHash($0) }
    }
}
