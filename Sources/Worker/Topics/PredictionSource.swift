import Events
import Kafka

/// Where the event came from that a prediction is of: the header `source` of every message that the worker publishes.
///
/// `topic/partition/offset/timestamp`, as in `customer-events/3/12345/1700000000000`; the timestamp is the source
/// message's, in milliseconds since 1970, and empty if it had none. Where each line of a message has a prediction of its own, the
/// line follows, counted from 0: `customer-events/3/12345/1700000000000/2`. One header and not four: a header costs as much as
/// encoding its prediction does.
package struct PredictionSource: Equatable, Sendable {
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

    /// The header's name.
    package static let header: StaticString = "source"

    /// - Returns: nil if the message has no such header.
    package init?(_ message: Message) {
        guard let bytes = message.header("\(Self.header)") else { return nil }
        self.init(bytes)
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4 || parts.count == 5, let partition = Int32(parts[1]), let offset = Int64(parts[2]) else {
            return nil
        }
        guard parts[3].isEmpty || Int64(parts[3]) != nil else { return nil }
        line = parts.count == 5 ? Int(parts[4]) : nil
        if parts.count == 5, line == nil { return nil }
        topic = String(parts[0])
        self.partition = partition
        self.offset = offset
        timestamp = Int64(parts[3])
    }

    /// The header's value where the source message's timestamp is not known any more.
    static func text(topic: String, partition: Int32, offset: Int64, line: Int?) -> String {
        "\(topic)/\(partition)/\(offset)/\(line.map { "/\($0)" } ?? "")"
    }

    /// Writes the header's value, for one message after the other of a topic.
    final class Writer {
        private let bytes: UnsafeMutablePointer<UInt8>
        private let topicCount: Int

        init(topic: String) {
            let prefix = Array("\(topic)/".utf8)
            topicCount = prefix.count
            bytes = .allocate(capacity: prefix.count + 4 * FixedPoint.longestInteger + 3)
            bytes.initialize(from: prefix, count: prefix.count)
        }

        deinit { bytes.deallocate() }

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
