import Events
import Monitoring

/// The time split of a history: which examples belong to TRAIN and which to TEST, and the observation dates.
///
/// All dates are counted back from the end of the history, so that one protocol fits any history of half a year or more.
/// A label needs `horizon` after its example, so examples later than end − horizon have none. All times are milliseconds
/// since 1970.
package struct EvaluationProtocol: Equatable, Sendable {
    static let day = EventTime.millisecondsPerDay
    static let horizon = PurchaseLog.horizon

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
        let first = Self.midnight(start) + Int64(settings.observationWarmupDays) * Self.day
        regularObservationDates = Array(
            stride(from: first, through: lastTest, by: settings.observationIntervalDays * Int(Self.day)))
        testObservationDates = settings.testObservationOffsetsDays.sorted().map { split + Int64($0) * Self.day }
            .filter { $0 <= lastTest }
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
        times.lastTest = min(time + Int64(testDays) * Self.day, end - Self.horizon)
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

    /// The protocol of a history that ends where TRAIN ends, with its last month to test on.
    var withoutTestPeriod: EvaluationProtocol {
        var times = self
        times.end = split
        times.lastTest = split - Self.horizon
        times.split = times.lastTest - Self.horizon
        times.testObservationDates = []
        return times
    }

    /// Whether an example's label is known at the end of the history.
    func isLabelKnown(at time: Int64) -> Bool { time + Self.horizon <= end }

    /// Whether an example belongs to TRAIN.
    package func isTraining(_ example: Example) -> Bool {
        example.time + Self.horizon <= split && (example.kind != .observation || isRegular(example.time))
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
