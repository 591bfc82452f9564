import ArgumentParser
import Console
import Events
import Kafka
import Pipeline
import Training

/// Copies a topic's history into one temporary file for each partition, since training reads it twice.
struct TopicHistory {
    /// One end of the range that is read.
    enum Bound: ExpressibleByArgument, Equatable {
        case offset(Int64)
        /// Milliseconds since 1970.
        case time(Int64)

        init?(argument: String) {
            if let offset = Int64(argument), offset >= 0 {
                self = .offset(offset)
            } else if let time = EventTime.parse(argument) {
                self = .time(time)
            } else {
                return nil
            }
        }
    }

    let topic: String
    let properties: [String: String]
    let from: Bound?
    let until: Bound?

    private static let timeoutMilliseconds = 30_000

    /// Reads committed messages up to the topic's present end.
    /// - Throws: `KafkaError`; `SchemaUnavailable` when a registry gives no answer; `TopicHistoryError` when the topic does not exist, has no messages in the range, or delivers none
    ///   for 30 seconds; `DataError` when no message is an event.
    func read(format: EventFormat, progress: Progress) throws -> OpenedHistory {
        let own = [
            "group.id": "future-cart-trainer", "enable.auto.commit": "false", "isolation.level": "read_committed",
            // Fail where retention has deleted messages since the range was resolved, instead of skipping them.
            "auto.offset.reset": "error",
        ]
        let consumer = try Consumer(
            properties: properties.merging(own) { $1 }.merging(["enable.partition.eof": "true"]) { $1 })
        defer { consumer.close() }
        guard let count = try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds) else {
            throw TopicHistoryError("there is no topic \(topic)")
        }
        let partitions = (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
        let ranges = try ranges(partitions, consumer)
        let total = ranges.values.reduce(0) { $0 + $1.count }
        guard total > 0 else { throw TopicHistoryError("topic \(topic) holds no messages from --from until --until") }
        let wanted = ranges.filter { !$0.value.isEmpty }
        var spools: [TopicPartition: SpooledFile] = [:]
        for partition in wanted.keys { spools[partition] = try SpooledFile.ofMessages() }
        let (events, skipped) = try copy(wanted, consumer, spools, EventDecoder(format: format)) { behind in
            progress.show("reading \(topic)", detail: "\(behind) messages", share: Double(behind) / Double(total))
        }
        for spool in spools.values { try spool.finish() }
        let filled = partitions.filter { events[$0] ?? 0 > 0 }
        guard !filled.isEmpty else {
            throw DataError(
                "topic \(topic): none of \(skipped) messages is an event; see fields: in the configuration")
        }
        return OpenedHistory(
            history: History(streams: filled.map { [spools[$0]!.path] }, format: format), skipped: skipped,
            spools: Array(spools.values))
    }

    /// Offsets to read in each partition.
    private func ranges(_ partitions: [TopicPartition], _ consumer: Consumer) throws -> [TopicPartition: Range<Int64>] {
        let starts = try resolve(from, partitions, consumer)
        let ends = try resolve(until, partitions, consumer)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            let marks = try consumer.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
            let low = min(max(starts?[partition] ?? marks.low, marks.low), marks.high)
            let high = max(min(ends?[partition] ?? marks.high, marks.high), low)
            ranges[partition] = low..<high
        }
        return ranges
    }

    /// A bound as an offset for each partition; the largest possible where every message is older.
    private func resolve(
        _ bound: Bound?, _ partitions: [TopicPartition], _ consumer: Consumer
    ) throws -> [TopicPartition: Int64]? {
        switch bound {
        case nil: return nil
        case .offset(let offset): return Dictionary(uniqueKeysWithValues: partitions.map { ($0, offset) })
        case .time(let time):
            let found = try consumer.offsets(
                forTimes: Dictionary(uniqueKeysWithValues: partitions.map { ($0, time) }),
                timeoutMilliseconds: Self.timeoutMilliseconds)
            return Dictionary(uniqueKeysWithValues: found.map { ($0.partition, $0.offset >= 0 ? $0.offset : .max) })
        }
    }

    /// Copies the messages that are events.
    /// - Returns: the number of events of each partition, and the number of messages that are no events.
    private func copy(
        _ ranges: [TopicPartition: Range<Int64>], _ consumer: Consumer, _ spools: [TopicPartition: SpooledFile],
        _ decoder: EventDecoder, progress: (Int) -> Void
    ) throws -> (events: [TopicPartition: Int], skipped: Int) {
        let reader = try RangeReader(consumer, ranges, patienceMilliseconds: Self.timeoutMilliseconds)
        var (events, skipped, behind) = ([TopicPartition: Int](), 0, 0)
        while try reader.read({ partition, message in
            behind += 1
            let value = message.value ?? UnsafeRawBufferPointer(start: nil, count: 0)
            try decoder.fetchSchema(of: value)
            if let original = RedrivenMessage.originalOffset(message.header(RedrivenMessage.header)),
                RedrivenMessage.isInLog(original, before: message.offset, from: ranges[partition]?.lowerBound ?? 0)
            {
                // As in the worker, its event counts where the original stands.
            } else if (try? decoder.decode(value, timestamp: message.timestampMilliseconds) { _ in }) != nil {
                try spools[partition]?.write(message: value)
                events[partition, default: 0] += 1
            } else {
                skipped += 1
            }
        }) { progress(behind) }
        guard reader.open.isEmpty else {
            throw TopicHistoryError(
                "topic \(topic) gives no more messages, \(behind) were read: is the broker still there?")
        }
        return (events, skipped)
    }
}

struct TopicHistoryError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
