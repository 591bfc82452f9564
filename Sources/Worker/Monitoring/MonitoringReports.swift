import Dispatch
import Monitoring
import Synchronization

/// Grades and drift, worked out from the threads' pictures in the background when somebody has asked, and not more often than
/// is cheap: whoever asks gets what is there, which is of the time when it was last asked for.
final class MonitoringReports: Sendable {
    private struct State {
        var grades = Grades([])
        var drift = DriftReport([])
        var next = ContinuousClock.now
        var isWorking = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "monitoring-reports", qos: .utility)

    /// Working them out takes a five-hundredth of the time at most.
    func current(_ pictures: [ThreadPicture], bought: Int, notBought: Int) -> (Grades, DriftReport) {
        let (latest, drift, isDue) = state.withLock { state in
            let isDue = !state.isWorking && ContinuousClock.now >= state.next
            if isDue { state.isWorking = true }
            return (state.grades, state.drift, isDue)
        }
        if isDue { queue.async { self.workOut(pictures) } }
        var grades = latest
        grades.bought = bought
        grades.notBought = notBought
        return (grades, drift)
    }

    private func workOut(_ pictures: [ThreadPicture]) {
        let begun = ContinuousClock.now
        let grades = Grades(pictures.flatMap(\.grading))
        let drift = DriftReport(pictures.compactMap(\.drift))
        let now = ContinuousClock.now
        state.withLock { state in
            state.grades = grades
            state.drift = drift
            state.next = now + max(.milliseconds(500), (now - begun) * 500)
            state.isWorking = false
        }
    }
}
