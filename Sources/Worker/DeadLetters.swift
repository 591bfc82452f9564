import Events
import Kafka

/// Where messages go that are no customer event, and when there are too many of them.
struct DeadLetters {
    private let topic: Topic?
    private let maxFraction: Double
    private let window: Int
    private var seen = 0
    private var rejected = 0

    /// - Parameter topic: `nil` only counts.
    init(topic: Topic?, maxFraction: Double, window: Int) {
        self.topic = topic
        self.maxFraction = maxFraction
        self.window = window
    }

    /// Headers that say where a dead letter came from and why; a message that is driven again loses them.
    static let headerPrefix = "dead_letter."

    /// On a message that is driven again: the offset, in the same partition, of the one that was rejected.
    static let redrivenHeader = "redriven.offset"

    /// The offset of the message that this one drives again, if it does so.
    static func original(of message: Message) -> Int64? {
        message.header(redrivenHeader).flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    /// Sends a message on as it is: key, value, headers and time, with its coordinates and the reason added.
    func send(_ message: Message, _ reason: EventError, of source: String, by producer: Producer) throws(KafkaError) {
        guard let topic else { return }
        var headers: [Header] = []
        for header in message.headers { headers.append(Header(header.name, value: header.value.map { Array($0) })) }
        headers += [
            Header("\(Self.headerPrefix)topic", source),
            Header("\(Self.headerPrefix)partition", "\(message.partition)"),
            Header("\(Self.headerPrefix)offset", "\(message.offset)"),
            Header("\(Self.headerPrefix)reason", "\(reason)"),
        ]
        try producer.produce(
            to: topic, key: message.key, value: message.value, headers: headers,
            timestampMilliseconds: message.timestampMilliseconds)
    }

    /// Counts live messages, in windows that follow one another.
    /// - Throws: `WorkerError` when a full window holds too large a share of rejected ones: the stream is rotten, or read
    ///   under the wrong names, and draining it into dead letters would only hide that.
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
