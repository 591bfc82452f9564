import Foundation

/// Delays events to the pace of their event times, `factor` times as fast as they happened.
struct Pace {
    let factor: Double
    private var start: (event: Int64, clock: ContinuousClock.Instant)?

    init(factor: Double) { self.factor = factor }

    /// Waits until an event is due. Late events are due at once.
    ///
    /// - Parameter idle: Is called repeatedly while waiting; false ends the wait.
    mutating func wait(for time: Int64, idle: () -> Bool) {
        let start = self.start ?? (time, .now)
        self.start = start
        let due = start.clock + .seconds(min(Double(time - start.event) / factor / 1000, 1e9))
        while true {
            let left = due - .now
            if left <= .zero { return }
            guard idle() else { return }
            Thread.sleep(forTimeInterval: min(left / .seconds(1), 0.05))
        }
    }
}
