/// Tells whether another process uses this worker's identity (`processing.instance`, or a static member's name), or whether it
/// was only taken over for a moment.
///
/// Who comes later throws the earlier one out. The earlier one comes back with new clients and throws the later one out, and so
/// on without end; nothing is lost, and little is done. So the younger has to end: the one that was thrown out soon after its
/// start, a second time.
struct FencingRecord {
    /// Below the time after which a broker aborts an open transaction (20 s): that looks the same and needs nobody else.
    private static let window = Duration.seconds(18)
    private static let longWindow = Duration.seconds(100)
    private static let young = Duration.seconds(120)
    private static let youngTimes = 2
    private static let times = 6

    private let started: ContinuousClock.Instant
    private var recent: [ContinuousClock.Instant] = []

    /// - Parameter started: when the process began to work.
    init(started: ContinuousClock.Instant) { self.started = started }

    /// The worker has been thrown out.
    /// - Returns: whether it has to end, because another process goes on using its identity.
    mutating func isContested(at now: ContinuousClock.Instant) -> Bool {
        recent = recent.filter { now - $0 < Self.longWindow } + [now]
        let isYoung = recent[0] - started < Self.young
        return isYoung
            ? recent.count { now - $0 < Self.window } >= Self.youngTimes : recent.count >= Self.times
    }
}
