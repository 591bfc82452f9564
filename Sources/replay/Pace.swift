import Foundation

/// Holds events back until their time has come, in event time that runs `factor` times as fast as the clock.
struct Pace {
    let factor: Double
    private var start: (event: Int64, clock: ContinuousClock.Instant)?

    init(factor: Double) { self.factor = factor }

    /// Waits until it is time for an event; events out of order are not waited for.
    /// - Parameter idle: called now and then while waiting.
    mutating func wait(for time: Int64, idle: () -> Void) {
        let start = self.start ?? (time, .now)
        self.start = start
        let due = start.clock + .seconds(min(Double(time - start.event) / factor / 1000, 1e9))
        while true {
            let left = due - .now
            if left <= .zero { return }
            idle()
            Thread.sleep(forTimeInterval: min(left / .seconds(1), 0.05))
        }
    }
}
