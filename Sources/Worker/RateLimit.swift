/// Runs something at most so often, and counts the calls in between.
struct RateLimit {
    private let pause: Duration
    private var last: ContinuousClock.Instant?
    private var suppressed = 0

    init(perSecond: Int) { pause = .seconds(1) / perSecond }

    init(pause: Duration) { self.pause = pause }

    /// - Parameter body: told how many calls were suppressed since the last one.
    mutating func run(_ body: (Int) -> Void) {
        let now = ContinuousClock.now
        if let last, now - last < pause {
            suppressed += 1
            return
        }
        body(suppressed)
        suppressed = 0
        last = now
    }
}
