import Events
import Kafka
import Pipeline

/// Copies a topic's events into one temporary file for each partition, for who reads them more than once.
package struct TopicHistory {
    private let topic: String
    private let properties: [String: String]
    private let from: TopicRange.Bound?
    private let until: TopicRange.Bound?

    /// - Parameters:
    ///   - properties: librdkafka's, such as `bootstrap.servers`.
    ///   - from: the first message; where each partition begins unless given.
    ///   - until: the message behind the last one; where each partition ends at present unless given.
    package init(
        topic: String, properties: [String: String], from: TopicRange.Bound? = nil, until: TopicRange.Bound? = nil
    ) {
        self.topic = topic
        self.properties = properties
        self.from = from
        self.until = until
    }

    /// Reads committed messages.
    /// - Parameter progress: told how many messages are behind, and of how many at most.
    /// - Returns: a stream of each partition that has events. What is no event is left out.
    /// - Throws: `KafkaError`; `SchemaUnavailable` when a registry gives no answer; `TopicHistoryError` when the topic does not
    ///   exist, has no messages in the range, none that is an event, or delivers none for 30 seconds.
    package func read(format: EventFormat, progress: (_ read: Int, _ of: Int) -> Void) throws -> OpenedHistory {
        let own = [
            "group.id": "future-cart-history", "enable.auto.commit": "false", "isolation.level": "read_committed",
            "enable.partition.eof": "true",
            // Fail where retention has deleted messages since the range was resolved, instead of skipping them.
            "auto.offset.reset": "error",
        ]
        let consumer = try Consumer(properties: properties.merging(own) { $1 })
        defer { consumer.close() }
        let range = try TopicRange(of: topic, from: from, until: until, consumer)
        guard range.count > 0 else { throw TopicHistoryError("topic \(topic) holds no messages in the range") }
        var copies: [TopicPartition: Copy] = [:]
        for (partition, offsets) in range.offsets where !offsets.isEmpty {
            copies[partition] = Copy(from: offsets.lowerBound, try SpooledFile.ofMessages())
        }
        let read = try copy(range, consumer, copies, EventDecoder(format: format)) { progress($0, range.count) }
        for copy in copies.values { try copy.file.finish() }
        let filled = copies.filter { $0.value.events > 0 }.sorted { $0.key < $1.key }.map(\.value.file)
        let skipped = copies.values.reduce(0) { $0 + $1.skipped }
        guard !filled.isEmpty else {
            throw TopicHistoryError(
                "topic \(topic): none of \(read) messages is an event; see fields: in the configuration",
                isBadData: true)
        }
        return OpenedHistory(
            history: History(streams: filled.map { [$0.path] }, format: format), skipped: skipped, files: filled)
    }

    /// What is copied of one partition.
    private final class Copy {
        let start: Int64
        let file: SpooledFile
        var events = 0
        var skipped = 0

        init(from start: Int64, _ file: SpooledFile) {
            self.start = start
            self.file = file
        }

        func take(_ message: Message, _ decoder: EventDecoder) throws {
            let value = message.value ?? UnsafeRawBufferPointer(start: nil, count: 0)
            try decoder.fetchSchema(of: value)
            if let original = RedrivenMessage.originalOffset(message.header(RedrivenMessage.header)),
                RedrivenMessage.isInLog(original, before: message.offset, from: start)
            {
                // As in the worker, its event counts where the original stands.
            } else if (try? decoder.decode(value, timestamp: message.timestampMilliseconds) { _ in }) != nil {
                try file.write(message: value)
                events += 1
            } else {
                skipped += 1
            }
        }
    }

    /// - Returns: how many messages were read.
    private func copy(
        _ range: TopicRange, _ consumer: Consumer, _ copies: [TopicPartition: Copy], _ decoder: EventDecoder,
        progress: (Int) -> Void
    ) throws -> Int {
        let reader = try RangeReader(consumer, range.offsets, patienceMilliseconds: TopicRange.timeoutMilliseconds)
        var read = 0
        while try reader.read({ partition, message in
            read += 1
            try copies[partition]?.take(message, decoder)
        }) { progress(read) }
        guard reader.open.isEmpty else {
            throw TopicHistoryError(
                "topic \(topic) gives no more messages, \(read) were read: is the broker still there?")
        }
        return read
    }
}

/// A topic that cannot be read as a history.
package struct TopicHistoryError: Error, CustomStringConvertible {
    /// What is wrong, in one sentence.
    package let description: String
    /// Whether the topic's messages are to blame.
    package let isBadData: Bool

    init(_ description: String, isBadData: Bool = false) {
        self.description = description
        self.isBadData = isBadData
    }
}
