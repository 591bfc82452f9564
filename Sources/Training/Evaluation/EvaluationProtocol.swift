import Events
import Monitoring

/// The evaluation protocol in time: which instants belong to TRAIN, which to TEST, and where snapshots are taken.
///
/// Everything is counted back from the end of the history, so that one protocol fits any history of half a year or more;
/// a label needs `horizon` after its point, so points later than end − horizon have none.
package struct EvaluationProtocol: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        /// Days before the end of the history at which TEST begins, at that day's midnight.
        package var testDays = 99
        /// Test snapshots, in days after TEST begins.
        package var snapshotOffsetsDays = [0, 14, 30, 44, 61]
        /// Days after the first event at which weekly training snapshots begin, at midnight.
        package var snapshotWarmupDays = 45
        package var snapshotEveryDays = 7

        package init() {}

        /// The settings as a manifest records them.
        var record: [String: String] {
            [
                "evaluation.test_days": "\(testDays)",
                "evaluation.snapshot_offsets_days": snapshotOffsetsDays.map(String.init).joined(separator: ","),
                "evaluation.snapshot_warmup_days": "\(snapshotWarmupDays)",
                "evaluation.snapshot_every_days": "\(snapshotEveryDays)",
            ]
        }

        /// Read back from a manifest's settings.
        package init(record: [String: String]) throws(TrainingError) {
            func number(_ name: String) throws(TrainingError) -> Int {
                guard let number = record["evaluation.\(name)"].flatMap({ Int($0) }) else {
                    throw TrainingError("the manifest's settings lack evaluation.\(name): train anew")
                }
                return number
            }
            testDays = try number("test_days")
            snapshotWarmupDays = try number("snapshot_warmup_days")
            snapshotEveryDays = try number("snapshot_every_days")
            let offsets = (record["evaluation.snapshot_offsets_days"] ?? "").split(separator: ",").map { Int($0) }
            guard !offsets.isEmpty, !offsets.contains(nil) else {
                throw TrainingError("the manifest's settings lack evaluation.snapshot_offsets_days: train anew")
            }
            snapshotOffsetsDays = offsets.compactMap { $0 }
        }
    }

    static let day = EventTime.millisecondsPerDay
    static let horizon = PurchaseLog.horizon

    /// First and last event, milliseconds.
    package let start: Int64
    package private(set) var end: Int64
    /// T: TRAIN points have t + horizon ≤ split, TEST points split ≤ t ≤ lastTest.
    package private(set) var split: Int64
    package private(set) var lastTest: Int64
    /// Snapshots at regular distances, to learn from.
    private let regularSnapshots: [Int64]
    /// Snapshots that are judged.
    package private(set) var testSnapshots: [Int64]

    /// - Throws: `DataError` when the history is too short for both periods.
    package init(start: Int64, end: Int64, settings: Settings) throws(DataError) {
        self.start = start
        self.end = end
        let split = Self.midnight(end - Int64(settings.testDays) * Self.day)
        let lastTest = end - Self.horizon
        guard split - Self.horizon - start >= 76 * Self.day, lastTest > split else {
            let days = (end - start) / Self.day
            throw DataError(
                "the history spans \(days) days: at least \(settings.testDays + 106) are needed "
                    + "(76 to learn from, 30 for their labels, \(settings.testDays) to test on); "
                    + "give a longer history or lower evaluation.test_days")
        }
        self.split = split
        self.lastTest = lastTest
        let first = Self.midnight(start) + Int64(settings.snapshotWarmupDays) * Self.day
        regularSnapshots = Array(stride(from: first, through: lastTest, by: settings.snapshotEveryDays * Int(Self.day)))
        testSnapshots = settings.snapshotOffsetsDays.sorted().map { split + Int64($0) * Self.day }.filter {
            $0 <= lastTest
        }
    }

    /// All cut-offs at which snapshots are taken, ascending.
    package var snapshots: [Int64] { Set(regularSnapshots + testSnapshots).sorted() }

    /// The cut-offs of TRAIN.
    package var trainingSnapshots: [Int64] { regularSnapshots.filter { $0 + Self.horizon <= split } }

    /// The same history split elsewhere, and judged by so many days from there, at regular snapshots.
    func split(at time: Int64, testDays: Int) -> EvaluationProtocol {
        var times = self
        times.split = time
        times.lastTest = min(time + Int64(testDays) * Self.day, end - Self.horizon)
        times.testSnapshots = regularSnapshots.filter { (time...times.lastTest).contains($0) }
        return times
    }

    /// All that is known belongs to TRAIN, and nothing to TEST.
    var withoutTest: EvaluationProtocol {
        var times = self
        times.split = end
        times.lastTest = .min
        times.testSnapshots = []
        return times
    }

    /// The history as it was when TRAIN ended: nothing later is known, and its last month is left to judge by.
    var withoutTestPeriod: EvaluationProtocol {
        var times = self
        times.end = split
        times.lastTest = split - Self.horizon
        times.split = times.lastTest - Self.horizon
        times.testSnapshots = []
        return times
    }

    /// Whether a point's label is known at the end of the history.
    func isKnown(_ time: Int64) -> Bool { time + Self.horizon <= end }

    package func isTraining(_ point: ScoringPoints.Point) -> Bool {
        point.time + Self.horizon <= split && (point.kind != .snapshot || isRegular(point.time))
    }

    package func isTest(_ point: ScoringPoints.Point) -> Bool {
        split <= point.time && point.time <= lastTest && (point.kind != .snapshot || testSnapshots.contains(point.time))
    }

    private func isRegular(_ time: Int64) -> Bool {
        guard let first = regularSnapshots.first, regularSnapshots.count > 1 else {
            return regularSnapshots.first == time
        }
        return time >= first && (time - first) % (regularSnapshots[1] - first) == 0
    }

    private static func midnight(_ time: Int64) -> Int64 { time / day * day }
}

/// Why training or evaluation cannot go on, and what to do.
package struct TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
