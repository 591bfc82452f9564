/// Decides when a checkpoint is due, so that restoring a partition takes no longer than the operator allows: reading the
/// checkpoint, then replaying the messages since.
struct RecoveryBudget {
    let seconds: Double
    /// Messages replayed in a second, as measured.
    private(set) var messagesPerSecond = 100_000.0
    /// Bytes of a checkpoint read in a second, as measured.
    private(set) var bytesPerSecond = 50e6

    init(seconds: Double) { self.seconds = seconds }

    /// Learns from messages that were decoded and taken into state in so many seconds.
    mutating func took(messages: Int, seconds: Double) {
        guard messages >= 64, seconds > 0 else { return }
        messagesPerSecond += 0.05 * (Double(messages) / seconds - messagesPerSecond)
    }

    /// Learns from a whole replay, which fetching was part of.
    mutating func restored(messages: Int64, seconds: Double) {
        guard messages >= 10_000, seconds > 0 else { return }
        messagesPerSecond = min(messagesPerSecond, Double(messages) / seconds)
    }

    mutating func loaded(bytes: Int, seconds: Double) {
        if bytes >= 1_000_000, seconds > 0 { bytesPerSecond = Double(bytes) / seconds }
    }

    /// How long restoring a partition would take, seconds.
    func recovery(messages: Int64, checkpointBytes: Int) -> Double {
        Double(messages) / messagesPerSecond + Double(checkpointBytes) / bytesPerSecond
    }

    /// Whether a partition needs a new checkpoint.
    ///
    /// Half of the budget is left for the time that taking a checkpoint takes. A checkpoint is due as well when more of the
    /// log lies behind the last one than before it, so that retention does not cut the log before the next.
    /// - Parameters:
    ///   - next: offset of the next message to process.
    ///   - checkpoint: offset of the last checkpoint; the log's start when there is none.
    ///   - logStart: the log's first offset.
    func isDue(next: Int64, checkpoint: Int64, logStart: Int64, checkpointBytes: Int) -> Bool {
        let messages = next - checkpoint
        guard messages > 0 else { return false }
        let loading = Double(checkpointBytes) / bytesPerSecond
        let spared = max(seconds / 2 - loading, seconds / 10)
        return Double(messages) / messagesPerSecond >= spared || messages > checkpoint - logStart
    }
}
