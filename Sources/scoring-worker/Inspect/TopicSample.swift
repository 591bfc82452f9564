import Inspection
import Kafka

/// Messages from a topic's beginnings and ends, read without joining a group.
struct TopicSample {
    /// How many partitions the topic has.
    let partitions: Int
    /// How many offsets it reaches over.
    let total: Int64
    /// Partitions that have not given all that was asked for in time.
    private(set) var silentPartitions = 0
    /// The messages, of each partition the oldest first.
    private(set) var messages: [InspectedMessage] = []

    private static let timeoutMilliseconds = 10_000

    /// Reads about so many committed messages, as many of each partition: half from its beginning, half from its end.
    /// - Throws: `KafkaError`; `InspectionError` for a topic that is not there or is empty.
    init(topic: String, properties: [String: String], limit: Int) throws {
        let own = [
            "group.id": "future-cart-inspect", "enable.auto.commit": "false", "isolation.level": "read_committed",
            "enable.partition.eof": "true", "auto.offset.reset": "earliest",
        ]
        let consumer = try Consumer(properties: properties.merging(own) { $1 })
        defer { consumer.close() }
        guard let count = try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds) else {
            throw InspectionError("there is no topic \(topic): set input.topic")
        }
        partitions = count
        var heads: [TopicPartition: Range<Int64>] = [:]
        var tails: [TopicPartition: Range<Int64>] = [:]
        var total: Int64 = 0
        let share = Int64(max(2, limit / count))
        for number in 0..<Int32(count) {
            let partition = TopicPartition(topic: topic, partition: number)
            let marks = try consumer.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
            total += marks.high - marks.low
            guard marks.high > marks.low else { continue }
            let middle = min(marks.high, marks.low + (share + 1) / 2)
            heads[partition] = marks.low..<middle
            let last = max(middle, marks.high - share / 2)
            if last < marks.high { tails[partition] = last..<marks.high }
        }
        self.total = total
        guard total > 0 else { throw InspectionError("topic \(topic) is empty") }
        try read(heads, consumer)
        if !tails.isEmpty { try read(tails, consumer) }
    }

    private mutating func read(_ ranges: [TopicPartition: Range<Int64>], _ consumer: Consumer) throws {
        let reader = try RangeReader(consumer, ranges, patienceMilliseconds: Self.timeoutMilliseconds)
        var messages: [Int32: [InspectedMessage]] = [:]
        while try reader.read({ partition, message in
            messages[partition.partition, default: []].append(
                InspectedMessage(
                    key: message.key.map { [UInt8]($0) }, value: message.value.map { [UInt8]($0) },
                    timestamp: message.timestampMilliseconds, partition: message.partition))
        }) {}
        silentPartitions = max(silentPartitions, reader.open.count)
        self.messages += messages.sorted { $0.key < $1.key }.flatMap(\.value)
    }
}

/// Why nothing can be inspected.
struct InspectionError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
