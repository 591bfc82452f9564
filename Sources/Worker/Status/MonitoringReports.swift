import Foundation
import Monitoring
import Synchronization

/// Grades and drift, worked out in the background when somebody has asked, and not more often than is cheap: whoever asks
/// gets what is there, which is of the time when it was last asked for.
final class MonitoringReports: Sendable {
    private struct State {
        var grades = OnlineEvaluation([])
        var drift = DriftReport([])
        var next = ContinuousClock.now
        var isWorking = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "monitoring-reports", qos: .utility)

    /// Pause after what could not be worked out.
    private static let pause = Duration.seconds(10)

    /// Working them out takes a five-hundredth of a core's time at most.
    /// - Parameter observe: gets what the threads have seen; when one of them does not answer, the figures stay as they are
    ///   and are asked for again after a pause.
    func current(
        bought: Int, notBought: Int, observe: @escaping @Sendable () async throws -> [ThreadObservations]
    ) -> (OnlineEvaluation, DriftReport) {
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
        guard let observations else {
            return state.withLock { state in
                state.next = .now + Self.pause
                state.isWorking = false
            }
        }
        let begun = Self.processorSeconds
        let grades = OnlineEvaluation(observations.flatMap(\.labelJoins))
        let drift = DriftReport(observations.compactMap(\.drift))
        let spent = Duration.seconds(Self.processorSeconds - begun)
        state.withLock { state in
            state.grades = grades
            state.drift = drift
            state.next = .now + max(.milliseconds(500), spent * 500)
            state.isWorking = false
        }
    }

    /// Of this thread, so far.
    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
