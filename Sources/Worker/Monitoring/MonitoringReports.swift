import Monitoring
import Synchronization

/// Grades and drift, worked out from the threads' pictures when somebody asks, and not more often than is cheap.
final class MonitoringReports: Sendable {
    private struct State {
        var grades = Grades([])
        var drift = DriftReport([])
        var next = ContinuousClock.now
    }

    private let state = Mutex(State())

    /// Of at least half a second ago; working them out takes a hundredth of the time at most.
    func current(_ pictures: [ThreadPicture], bought: Int, notBought: Int) -> (Grades, DriftReport) {
        state.withLock { state in
            let begun = ContinuousClock.now
            if begun >= state.next {
                state.grades = Grades(pictures.flatMap(\.grading), bought: bought, notBought: notBought)
                state.drift = DriftReport(pictures.compactMap(\.drift))
                let now = ContinuousClock.now
                state.next = now + max(.milliseconds(500), (now - begun) * 100)
            }
            return (state.grades, state.drift)
        }
    }
}
