import Foundation
import Monitoring
import Synchronization

/// Caches the reports of online evaluation and drift. A request gets the cached report at once, and has it recomputed in the
/// background if that is due (stale while revalidate).
final class MonitoringReports: Sendable {
    private struct State {
        var grades = OnlineEvaluation([])
        var drift = DriftReport([])
        var next = ContinuousClock.now
        var isRecomputing = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "monitoring-reports", qos: .utility)

    /// Pause after a thread has not answered.
    private static let pause = Duration.seconds(10)

    /// The cached reports. Recomputing them takes a five-hundredth of a core's time at most.
    /// - Parameters:
    ///   - champion: the version in service.
    ///   - bought: labels since the start, which are always current.
    ///   - notBought: labels since the start.
    ///   - observe: asks the threads for what the reports are computed from. When one does not answer, the reports stay as they
    ///     are until a later request.
    func current(
        champion: String, bought: Int, notBought: Int,
        observe: @escaping @Sendable () async throws -> [ThreadObservations]
    ) -> (OnlineEvaluation, DriftReport) {
        let (latest, drift, isDue) = state.withLock { state in
            let isDue = !state.isRecomputing && ContinuousClock.now >= state.next
            if isDue { state.isRecomputing = true }
            return (state.grades, state.drift, isDue)
        }
        if isDue {
            Task {
                let observations = try? await observe()
                self.queue.async { self.recompute(observations, champion: champion) }
            }
        }
        var grades = latest
        grades.bought = bought
        grades.notBought = notBought
        return (grades, drift)
    }

    private func recompute(_ observations: [ThreadObservations]?, champion: String) {
        guard let observations else {
            return state.withLock { state in
                state.next = .now + Self.pause
                state.isRecomputing = false
            }
        }
        let begun = Self.processorSeconds
        let grades = OnlineEvaluation(observations.flatMap(\.labelJoins), champion: champion)
        let drift = DriftReport(observations.compactMap(\.drift))
        let spent = Duration.seconds(Self.processorSeconds - begun)
        state.withLock { state in
            state.grades = grades
            state.drift = drift
            state.next = .now + max(.milliseconds(500), spent * 500)
            state.isRecomputing = false
        }
    }

    /// Of this thread, so far.
    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
