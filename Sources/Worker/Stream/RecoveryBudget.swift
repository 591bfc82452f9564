/// Decides when a checkpoint is due, so that restoring a thread's partitions takes no longer than the operator allows: reading
/// their checkpoints, then replaying the messages since. Threads restore side by side.
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

    /// How long restoring would take, seconds.
    func recovery(messages: Int64, checkpointBytes: Int) -> Double {
        Double(messages) / messagesPerSecond + Double(checkpointBytes) / bytesPerSecond
    }

    /// Whether so much would have to be replayed that one of the partitions needs a new checkpoint. Half of the budget is left
    /// for the time that taking one takes.
    /// - Parameters:
    ///   - messages: behind the last checkpoints of all partitions.
    ///   - checkpointBytes: of all partitions.
    func isDue(messages: Int64, checkpointBytes: Int) -> Bool {
        let loading = Double(checkpointBytes) / bytesPerSecond
        let spared = max(seconds / 2 - loading, seconds / 10)
        return messages > 0 && Double(messages) / messagesPerSecond >= spared
    }
}
