import Ensemble
import Foundation
import Monitoring
import Synchronization

/// What another model would change, and whether it may be served.
package struct ModelComparison: Sendable {
    /// When it was made.
    package let time: Date
    /// What would change.
    package let radius: BlastRadius
    /// What is beyond the limits, in words.
    package let exceeded: [String]

    /// With fewer rows nothing is said of limits: each would count for too much.
    package static let leastRows = 100

    /// - Parameters:
    ///   - radius: what would change.
    ///   - limits: how much may.
    package init(_ radius: BlastRadius, _ limits: BlastRadiusLimits) {
        time = Date()
        self.radius = radius
        exceeded = radius.all.rows < Self.leastRows ? [] : limits.exceeded(by: radius)
    }

    /// Whether there were enough rows to hold the limits against.
    package var isJudged: Bool { radius.all.rows >= Self.leastRows }

    /// Why the model is refused; `nil` where all is within the limits.
    var refusal: String? {
        guard !exceeded.isEmpty else { return nil }
        return "model \(radius.after.version) would change too much: \(exceeded.joined(separator: "; ")), of "
            + "\(radius.all.rows) recent predictions. Serve it all the same: trainer promote \(radius.after.version) "
            + "--whatever-it-changes"
    }
}

/// Holds models against the one in service on the latest rows of a worker's threads.
struct ModelComparer: Sendable {
    let settings: WorkerSettings
    let controlQueues: [ControlQueue]

    private static let patience = Duration.seconds(10)

    /// - Parameter isStopped: nobody waits for the threads any more.
    /// - Throws: `ArtifactError` if the models do not predict the same; `WorkerError` if a thread does not answer.
    func compare(
        _ present: ModelArtifact, with other: ModelArtifact, isStopped: () -> Bool
    ) throws -> ModelComparison {
        ModelComparison(
            try BlastRadius(recentRows(isStopped), from: present, to: other, settings.thresholds),
            settings.blastRadiusLimits)
    }

    /// The rows of all threads.
    private func recentRows(_ isStopped: () -> Bool) throws(WorkerError) -> RecentRows.Snapshot {
        let answers = Answers()
        for (thread, queue) in controlQueues.enumerated() {
            queue.submit(.recentRows { answers.add($0, of: thread) })
        }
        let deadline = ContinuousClock.now + Self.patience
        while answers.count < controlQueues.count, ContinuousClock.now < deadline, !isStopped() {
            Thread.sleep(forTimeInterval: 0.005)
        }
        guard answers.count == controlQueues.count else {
            throw WorkerError("the threads of the stream do not say what they have predicted last; it is tried again")
        }
        return answers.rows
    }

    private final class Answers: Sendable {
        private let parts = Mutex<[Int: RecentRows.Snapshot?]>([:])
        var count: Int { parts.withLock { $0.count } }
        /// In the order of the threads.
        var rows: RecentRows.Snapshot {
            RecentRows.Snapshot(parts.withLock { $0.sorted { $0.key < $1.key }.compactMap(\.value) })
        }
        func add(_ part: RecentRows.Snapshot?, of thread: Int) { parts.withLock { $0[thread] = .some(part) } }
    }
}
