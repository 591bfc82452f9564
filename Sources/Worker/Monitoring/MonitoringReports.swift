import Dispatch
import Monitoring
import Synchronization

/// Grades and drift, worked out in the background when somebody has asked, and not more often than is cheap: whoever asks
/// gets what is there, which is of the time when it was last asked for.
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
    /// - Parameter observe: gets what the threads have seen; when it cannot, the next one who asks has it tried again.
    func current(
        bought: Int, notBought: Int, observe: @escaping @Sendable () async throws -> [ThreadObservations]
    ) -> (Grades, DriftReport) {
        let (latest, drift, isDue) = state.withLock { state in
            let isDue = !state.isWorking && ContinuousClock.now >= state.next
            if isDue { state.isWorking = true }
            return (state.grades, state.drift, isDue)
        }
        if isDue {
            Task {
                let observations = try? await observe()
                self.queue.async { self.workOut(observations) }
            }
        }
        var grades = latest
        grades.bought = bought
        grades.notBought = notBought
        return (grades, drift)
    }

    private func workOut(_ observations: [ThreadObservations]?) {
        guard let observations else { return state.withLock { $0.isWorking = false } }
        let begun = ContinuousClock.now
        let grades = Grades(observations.flatMap(\.grading))
        let drift = DriftReport(observations.compactMap(\.drift))
        let now = ContinuousClock.now
        state.withLock { state in
            state.grades = grades
            state.drift = drift
            state.next = now + max(.milliseconds(500), (now - begun) * 500)
            state.isWorking = false
        }
    }
}
