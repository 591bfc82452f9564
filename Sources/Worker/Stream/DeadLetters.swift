import Events
import Kafka
import Pipeline

/// The headers of dead letters.
enum DeadLetterHeader {
    /// Before the names of the headers that say where a dead letter came from and why; a redriven message loses them.
    static let prefix = "dead_letter."

    /// Where a dead letter came from and why.
    static func own(of message: Message, topic: String, reason: String) -> [Header] {
        [
            Header("\(prefix)topic", topic),
            Header("\(prefix)partition", "\(message.partition)"),
            Header("\(prefix)offset", "\(message.offset)"),
            Header("\(prefix)reason", reason),
        ]
    }
}

/// A dead letter: the message as it is, or a stub where the topic does not take all of it.
struct DeadLetter {
    let key: UnsafeRawBufferPointer?
    let value: UnsafeRawBufferPointer?
    let headers: [Header]

    /// Most bytes of the value in a stub.
    private static let stubBytes = 1024
    /// Most bytes of a key, and of all of the message's headers, that a stub repeats.
    private static let stubRoom = 8192

    /// - Parameters:
    ///   - topic: the input topic.
    ///   - limit: the largest record of the dead-letter topic, by `RecordLimits.size`.
    ///   - isStub: whether the broker has refused the whole message before.
    init(_ message: Message, topic: String, reason: String, limit: Int, isStub: Bool) {
        let own = DeadLetterHeader.own(of: message, topic: topic, reason: reason)
        let headers = message.headers.map { Header($0.name, value: $0.value.map { Array($0) }) }
        let (keyBytes, bytes) = (message.key?.count ?? 0, message.value?.count ?? 0)
        let size = RecordLimits.size(key: keyBytes, value: bytes, headers: RecordLimits.size(of: headers + own))
        if !isStub, size <= limit {
            (key, value, self.headers) = (message.key, message.value, headers + own)
            return
        }
        let truncated = Header("\(DeadLetterHeader.prefix)truncated", "\(bytes)")
        let room = min(Self.stubRoom, limit / 4)
        key = keyBytes <= room ? message.key : nil
        value = message.value.map { UnsafeRawBufferPointer(rebasing: $0.prefix(min(Self.stubBytes, limit / 4))) }
        self.headers = (RecordLimits.size(of: headers) <= room ? headers : []) + own + [truncated]
    }
}

/// Stops a worker whose input is mostly no customer events: the stream is rotten, or read under the wrong names, and
/// draining it into dead letters would only hide that.
struct RejectionLimit {
    private let maxFraction: Double
    private let window: Int
    private var seen = 0
    private var rejected = 0

    /// - Parameters:
    ///   - maxFraction: largest share of rejected messages.
    ///   - window: messages over which the share is taken.
    init(maxFraction: Double, window: Int) {
        self.maxFraction = maxFraction
        self.window = window
    }

    /// Counts live messages, in windows that follow one another.
    /// - Parameter example: the last of the rejected ones, and why.
    /// - Throws: `WorkerError` when a full window holds too large a share of rejected ones.
    mutating func count(messages: Int, rejected: Int, example: String?) throws(WorkerError) {
        seen += messages
        self.rejected += rejected
        guard seen >= window else { return }
        let fraction = Double(self.rejected) / Double(seen)
        guard fraction <= maxFraction else {
            throw WorkerError(
                "\(self.rejected) of the last \(seen) messages are no customer events, more than "
                    + "dead_letters.max_fraction = \(maxFraction) allows; the last one: \(example ?? "unknown"). "
                    + "If they are events, check fields: and events: (scoring-worker inspect shows how they are understood). If they are "
                    + "not, stop who sends them, then run once with dead_letters.max_fraction: 1, which makes dead letters of all "
                    + "that is there; every start ends like this one until then. Nothing is lost either way")
        }
        seen = 0
        self.rejected = 0
    }
}
