import Customers
import Ensemble
import Features
import Foundation
import Kafka
import Logging
import Synchronization

/// Computes the states of some customers anew from the log, now and then, and compares them with what the worker has in memory, bit
/// by bit. A difference is an alarm: the stream has been scored by what the log does not say.
///
/// It runs beside the stream on a thread of its own at the lowest priority, and rests so long after each reading that it takes a
/// share of a core at most on average.
package final class FeatureAudit: Sendable {
    /// A feature that the two states disagree about.
    package struct Difference: Sendable, Equatable {
        /// The feature's name.
        package let feature: String
        /// By the state in memory; NaN where there is no value.
        package let live: Float
        /// By the log.
        package let log: Float
    }

    /// A customer whose state in memory is not what the log says.
    package struct Finding: Sendable {
        /// When it was found.
        package let time: Date
        /// The customer's identifier.
        package let customerID: String
        /// The partition that their events are in.
        package let partition: Int32
        /// Offset behind the last message that both hold.
        package let position: Int64
        /// Part of the state that differs first.
        package let part: String
        /// Features that differ; none where the states differ in what no feature reads at that moment.
        package let differences: [Difference]
    }

    /// What has been found so far.
    package struct Status: Sendable {
        /// Customers whose state is what the log says.
        package var same = 0
        /// Customers whose state is not.
        package var different = 0
        /// Customers of whom the log does not tell: some of their events are not in it (any more), or it could not be read to its end.
        package var untold = 0
        /// The latest difference.
        package var finding: Finding?

        /// Nothing yet.
        package init() {}
    }

    /// Customers of one partition that are computed in one reading of its log.
    static let customersEach = 64
    private static let firstPause = Duration.seconds(60)
    private static let shortestPause = Duration.seconds(30)
    private static let longestReading = Duration.seconds(600)
    private static let lowestPriority: Int32 = 19

    private let settings: WorkerSettings
    private let controlQueues: [ControlQueue]
    private let logger: Logger
    private let state = Mutex(Status())

    init(_ settings: WorkerSettings, controlQueues: [ControlQueue], logger: Logger) {
        self.settings = settings
        self.controlQueues = controlQueues
        self.logger = logger
    }

    /// How things stand.
    var status: Status { state.withLock { $0 } }

    /// Audits now and then until it is told to stop.
    /// - Parameter artifact: the model in service, whose features are named.
    func run(artifact: () -> ModelArtifact, isStopped: () -> Bool) {
        guard settings.auditShare > 0 else { return }
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.lowestPriority)
        var random = SystemRandomNumberGenerator()
        var next = ContinuousClock.now + Self.firstPause
        while !isStopped() {
            if ContinuousClock.now >= next {
                let spent = audit(UInt64.random(in: 0 ..< .max, using: &random), artifact(), isStopped)
                next = .now + max(Self.shortestPause, spent * (1 / settings.auditShare - 1))
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// Audits customers of one partition.
    /// - Parameter choice: decides which.
    /// - Returns: how long reading took.
    @discardableResult
    func audit(_ choice: UInt64, _ artifact: ModelArtifact, _ isStopped: () -> Bool) -> Duration {
        let reports = sample(choice, isStopped)
        guard let first = reports.first else { return .zero }
        let begun = ContinuousClock.now
        let partition = TopicPartition(topic: first.topic, partition: first.partition)
        var reading = LogReading(reports, until: .max, settings)
        do {
            try LogReading.read(
                partition, into: &reading, settings, until: .now + Self.longestReading, isStopped: isStopped)
        } catch {
            logger.warning("the log cannot be read for the audit of features", metadata: ["error": "\(error)"])
        }
        let isWhole = reading.isDone && reading.earlyEnd == nil
        if !isStopped() {
            for report in reports {
                compare(report, isWhole ? reading.customer(report, at: report.partitionClock) : nil, artifact)
            }
        }
        return .now - begun
    }

    /// Customers of one partition as one thread has them at one moment.
    private func sample(_ choice: UInt64, _ isStopped: () -> Bool) -> [CustomerReport] {
        let answer = Answer()
        let queue = controlQueues[Int(choice % UInt64(controlQueues.count))]
        queue.submit(.sample(choice: choice, count: Self.customersEach) { answer.set($0 ?? []) })
        let deadline = ContinuousClock.now + .seconds(10)
        while answer.reports == nil, ContinuousClock.now < deadline, !isStopped() {
            Thread.sleep(forTimeInterval: 0.005)
        }
        return answer.reports ?? []
    }

    private final class Answer: Sendable {
        private let value = Mutex<[CustomerReport]?>(nil)
        var reports: [CustomerReport]? { value.withLock { $0 } }
        func set(_ reports: [CustomerReport]) { value.withLock { $0 = reports } }
    }

    /// Whoever came before the first event of theirs that the log has cannot be computed from it: it was cut, or the state was begun
    /// from elsewhere.
    private func compare(_ live: CustomerReport, _ log: CustomerReport?, _ artifact: ModelArtifact) {
        guard let log, log.state.lifetime.firstEventTime <= live.state.lifetime.firstEventTime else {
            return state.withLock { $0.untold += 1 }
        }
        guard let part = live.state.difference(from: log.state) else { return state.withLock { $0.same += 1 } }
        let finding = Finding(
            time: Date(), customerID: live.customerID, partition: live.partition, position: live.position, part: part,
            differences: Self.differences(live.state, log.state, artifact))
        state.withLock { state in
            state.different += 1
            state.finding = finding
        }
        logger.critical(
            "a customer's state is not what the log says; their predictions are wrong",
            metadata: [
                "customer": "\(finding.customerID)", "partition": "\(finding.partition)",
                "position": "\(finding.position)", "part": "\(part)",
                "features":
                    "\(finding.differences.map { "\($0.feature) \($0.live), by the log \($0.log)" }.joined(separator: "; "))",
            ])
    }

    private static func differences(
        _ live: CustomerState, _ log: CustomerState, _ artifact: ModelArtifact
    ) -> [Difference] {
        let extractor = artifact.makeExtractor()
        var rows = FeatureMatrix()
        for state in [live, log] { extractor.append(state, to: &rows) }
        let (a, b) = (Array(rows[0]), Array(rows[1]))
        return artifact.schema.names.indices.filter { a[$0].bitPattern != b[$0].bitPattern }.map {
            Difference(feature: artifact.schema.names[$0], live: a[$0], log: b[$0])
        }
    }
}
