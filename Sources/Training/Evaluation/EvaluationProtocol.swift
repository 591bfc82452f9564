import Events
import Features

/// The time split of a history: which examples belong to TRAIN and which to TEST, and the observation dates.
///
/// All dates are counted back from the end of the history, so that one protocol fits histories of many lengths.
/// A label needs `horizon` after its example, so examples later than end − horizon have none. All times are milliseconds
/// since 1970.
package struct EvaluationProtocol: Equatable, Sendable {
    static let day = EventTime.millisecondsPerDay

    /// How far ahead labels look, milliseconds.
    let horizon: Int64
    /// The first event.
    package let start: Int64
    /// The last event.
    package private(set) var end: Int64
    /// T: TRAIN examples have t + horizon ≤ T, TEST examples T ≤ t ≤ lastTest.
    package private(set) var split: Int64
    /// The latest time of a TEST example.
    package private(set) var lastTest: Int64
    /// Observation dates at regular intervals, to train on; ascending.
    let regularObservationDates: [Int64]
    /// Observation dates that E3 is evaluated on; ascending.
    package private(set) var testObservationDates: [Int64]

    /// - Throws: `DataError` when the history is too short for both periods.
    package init(start: Int64, end: Int64, horizon: Horizon, settings: Settings) throws(DataError) {
        let (learning, length) = (Int64(horizon.learningDays) * Self.day, horizon)
        let horizon = horizon.milliseconds
        self.horizon = horizon
        self.start = start
        self.end = end
        let split = Self.midnight(end - Int64(settings.testDays) * Self.day)
        let lastTest = end - horizon
        guard split - horizon - start >= learning, lastTest > split else {
            throw Self.tooShort(days: Int((end - start) / Self.day), horizon: length, settings)
        }
        self.split = split
        self.lastTest = lastTest
        let first = Self.midnight(start) + Int64(settings.observationWarmupDays) * Self.day
        regularObservationDates = Array(
            stride(from: first, through: lastTest, by: settings.observationIntervalDays * Int(Self.day)))
        testObservationDates = settings.testObservationOffsetsDays.sorted().map { split + Int64($0) * Self.day }
            .filter { $0 <= lastTest }
    }

    private static func tooShort(days: Int, horizon: Horizon, _ settings: Settings) -> DataError {
        if settings.testDays <= horizon.days, days >= horizon.shortestHistoryDays {
            return DataError(
                "evaluation.test_days is \(settings.testDays): it must be more than horizon_days, \(horizon.days), or no label "
                    + "of the tested period is known")
        }
        let needed =
            settings == Settings()
            ? horizon.shortestHistoryDays : settings.testDays + horizon.learningDays + horizon.days
        let shorter = Horizon.longest(forHistoryDays: days).map { ", or set horizon_days to \($0.days) at most" } ?? ""
        return DataError(
            "the history spans \(days) days: at least \(needed) are needed "
                + "(\(horizon.learningDays) to learn from, \(horizon.days) for their labels, "
                + "\(needed - horizon.learningDays - horizon.days) to test on); give a longer history\(shorter)")
    }

    /// All observation dates, ascending.
    package var observationDates: [Int64] { Set(regularObservationDates + testObservationDates).sorted() }

    /// The same history split elsewhere, tested on the days after that at the regular observation dates.
    /// - Parameters:
    ///   - time: the new split.
    ///   - testDays: length of the new TEST period, days.
    func split(at time: Int64, testDays: Int) -> EvaluationProtocol {
        var times = self
        times.split = time
        times.lastTest = min(time + Int64(testDays) * Self.day, end - horizon)
        times.testObservationDates = regularObservationDates.filter { (time...times.lastTest).contains($0) }
        return times
    }

    /// The protocol of a final fit: every example whose label is known belongs to TRAIN, and none to TEST.
    var withoutTest: EvaluationProtocol {
        var times = self
        times.split = end
        times.lastTest = .min
        times.testObservationDates = []
        return times
    }

    /// The protocol of a history that ends where TRAIN ends, with a last horizon to test on.
    var withoutTestPeriod: EvaluationProtocol {
        var times = self
        times.end = split
        times.lastTest = split - horizon
        times.split = times.lastTest - horizon
        times.testObservationDates = []
        return times
    }

    /// Whether an example's label is known at the end of the history.
    func isLabelKnown(at time: Int64) -> Bool { time + horizon <= end }

    /// Whether an example belongs to TRAIN.
    package func isTraining(_ example: Example) -> Bool {
        example.time + horizon <= split && (example.kind != .observation || isRegular(example.time))
    }

    /// Whether an example belongs to TEST.
    package func isTest(_ example: Example) -> Bool {
        split <= example.time && example.time <= lastTest
            && (example.kind != .observation || testObservationDates.contains(example.time))
    }

    private func isRegular(_ time: Int64) -> Bool {
        guard let first = regularObservationDates.first, regularObservationDates.count > 1 else {
            return regularObservationDates.first == time
        }
        return time >= first && (time - first) % (regularObservationDates[1] - first) == 0
    }

    private static func midnight(_ time: Int64) -> Int64 { time / day * day }
}
