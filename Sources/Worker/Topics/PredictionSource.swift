import Events
import Kafka
import Pipeline

/// Where the event came from that a prediction is of: the header `source` of every message that the worker publishes.
///
/// `topic/partition/offset/timestamp`, as in `customer-events/3/12345/1700000000000`; the timestamp is the source
/// message's, in milliseconds since 1970, and empty if it had none. Where each line of a message has a prediction of its own, the
/// line follows, counted from 0: `customer-events/3/12345/1700000000000/2`. One header and not four: a header costs as much as
/// encoding its prediction does.
///
/// A prediction of an instant of the schedule names the message whose event passed it, the instant in milliseconds of event time
/// and the customer's hash: `customer-events/3/12345/schedule/1700006400000/9c3f2a51b0de7741`.
package struct PredictionSource: Equatable, Sendable {
    /// Of which customer a prediction is that is of no event.
    package struct Scheduled: Hashable, Sendable {
        /// The instant of the schedule, milliseconds of event time.
        package let instant: Int64
        /// `contentHash` of the customer's identifier.
        package let customerHash: UInt64

        /// A customer at an instant.
        package init(instant: Int64, customerHash: UInt64) {
            self.instant = instant
            self.customerHash = customerHash
        }
    }

    /// The input topic.
    package let topic: String
    /// The partition of the source message.
    package let partition: Int32
    /// The offset of the source message.
    package let offset: Int64
    /// Milliseconds since 1970.
    package let timestamp: Int64?
    /// The line of the source message; `nil` where the prediction is of the whole message.
    package let line: Int?
    /// `nil` where the prediction is of an event.
    package let scheduled: Scheduled?

    private static let scheduleMark = "schedule"

    /// The header's name.
    package static let header: StaticString = "source"

    /// - Returns: nil if the message has no such header.
    package init?(_ message: Message) {
        guard let bytes = message.header("\(Self.header)") else { return nil }
        self.init(bytes)
    }

    /// - Parameter bytes: the header's value.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard (4...6).contains(parts.count), let partition = Int32(parts[1]), let offset = Int64(parts[2]) else {
            return nil
        }
        topic = String(parts[0])
        self.partition = partition
        self.offset = offset
        timestamp = Int64(parts[3])
        if parts.count == 6 {
            guard parts[3] == Self.scheduleMark, let instant = Int64(parts[4]), let hash = UInt64(parts[5], radix: 16)
            else { return nil }
            (line, scheduled) = (nil, Scheduled(instant: instant, customerHash: hash))
        } else {
            guard parts[3].isEmpty || timestamp != nil else { return nil }
            (line, scheduled) = (parts.count == 5 ? Int(parts[4]) : nil, nil)
            if parts.count == 5, line == nil { return nil }
        }
    }

    /// The header's value where the source message's timestamp is not known any more.
    static func text(topic: String, partition: Int32, offset: Int64, line: Int?, _ scheduled: Scheduled? = nil)
        -> String
    {
        guard let scheduled else { return "\(topic)/\(partition)/\(offset)/\(line.map { "/\($0)" } ?? "")" }
        let hash = String(scheduled.customerHash, radix: 16)
        return "\(topic)/\(partition)/\(offset)/\(scheduleMark)/\(scheduled.instant)/"
            + String(repeating: "0", count: 16 - hash.count) + hash
    }

    /// Writes the header's value, for one message after the other of a topic.
    final class Writer {
        private let bytes: UnsafeMutablePointer<UInt8>
        private let topicCount: Int
        private let topic: String

        init(topic: String) {
            self.topic = topic
            let prefix = Array("\(topic)/".utf8)
            topicCount = prefix.count
            bytes = .allocate(capacity: prefix.count + 4 * FixedPoint.longestInteger + 3)
            bytes.initialize(from: prefix, count: prefix.count)
        }

        deinit { bytes.deallocate() }

        /// Lends the value of a prediction that is of no event.
        func withScheduled(
            partition: Int32, offset: Int64, _ scheduled: Scheduled, _ body: (UnsafeRawBufferPointer) throws -> Void
        ) rethrows {
            try Array(
                PredictionSource.text(topic: topic, partition: partition, offset: offset, line: nil, scheduled).utf8
            ).withUnsafeBytes(body)
        }

        /// - Returns: lent until the next call.
        func write(partition: Int32, offset: Int64, timestampMilliseconds: Int64?, line: Int?) -> UnsafeRawBufferPointer
        {
            var at = FixedPoint.writeInteger(Int64(partition), to: bytes + topicCount)
            at[0] = UInt8(ascii: "/")
            at = FixedPoint.writeInteger(offset, to: at + 1)
            at[0] = UInt8(ascii: "/")
            at += 1
            if let time = timestampMilliseconds { at = FixedPoint.writeInteger(time, to: at) }
            if let line {
                at[0] = UInt8(ascii: "/")
                at = FixedPoint.writeInteger(Int64(line), to: at + 1)
            }
            return UnsafeRawBufferPointer(start: bytes, count: at - bytes)
        }
    }
}

extension OutcomeRecord {
    /// Of which customer the prediction was, if it was of no event.
    var scheduled: PredictionSource.Scheduled? {
        isScheduled ? PredictionSource.Scheduled(instant: instant, customerHash: customerHash) : nil
    }
}
