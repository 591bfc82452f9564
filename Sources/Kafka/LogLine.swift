/// One line of librdkafka's own log.
public struct LogLine: Sendable {
    /// Syslog's severity: 0 emergency, 3 error, 4 warning, 5 notice, 6 info, 7 debug.
    public let level: Int
    /// Which part of the library speaks, such as `FAIL` or `REBALANCE`.
    public let facility: String
    /// What it says.
    public let text: String
}
