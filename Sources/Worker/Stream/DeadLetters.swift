import Events
import Kafka
import Pipeline

/// The headers of dead letters.
enum DeadLetterHeader {
    /// Before the names of the headers that say where a dead letter came from and why; a redriven message loses them.
    static let prefix = "dead_letter."

    /// A dead letter's headers: the message's own, then its coordinates and the reason.
    static func headers(of message: Message, topic: String, reason: EventError) -> [Header] {
        message.headers.map { Header($0.name, value: $0.value.map { Array($0) }) } + [
            Header("\(prefix)topic", topic),
            Header("\(prefix)partition", "\(message.partition)"),
            Header("\(prefix)offset", "\(message.offset)"),
            Header("\(prefix)reason", "\(reason)"),
        ]
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
                    + "Check fields: in the configuration and what is published to the topic")
        }
        seen = 0
        self.rejected = 0
    }
}
