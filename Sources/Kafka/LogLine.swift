/// One line of librdkafka's own log.
package struct LogLine: Sendable {
    /// Syslog's severity: 0 emergency, 3 error, 4 warning, 5 notice, 6 info, 7 debug.
    package let level: Int
    /// The part of librdkafka that logs, such as `FAIL` or `REBALANCE`.
    package let facility: String
    /// The message.
    package let text: String

    /// The text without the name of the thread before it.
    var message: String {
        guard text.hasPrefix("[thrd:"), let end = text.firstRange(of: "]: ") else { return text }
        return String(text[end.upperBound...])
    }
}
