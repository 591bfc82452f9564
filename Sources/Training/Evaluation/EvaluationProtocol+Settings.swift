import Features

extension EvaluationProtocol {
    /// What may be configured about the time split.
    package struct Settings: Equatable, Sendable {
        /// Days before the end of the history at which TEST begins, at that day's midnight.
        package var testDays = 99
        /// E3's observation dates, days after TEST begins.
        package var testObservationOffsetsDays = [0, 14, 30, 44, 61]
        /// Days after the first event at which the regular observation dates begin, at midnight.
        package var observationWarmupDays = 45
        /// Days between regular observation dates.
        package var observationIntervalDays = 7

        /// The defaults, as in `config/trainer.yaml`.
        package init() {}

        /// Days of a history that has room for the standard periods, with a month of observation dates to learn from.
        static func standardDays(_ horizon: Horizon) -> Int {
            let standard = Settings()
            return standard.testDays + max(horizon.learningDays, standard.observationWarmupDays + 31) + horizon.days + 1
        }

        /// These settings, or shorter periods where these are the standard ones and the history has no room for them, or a longer one
        /// to test on where the horizon is longer than that.
        ///
        /// A third of the days that labels leave is tested on, as long as enough are left to learn from.
        /// - Parameter span: days of the history.
        package func fitted(to span: Int, horizon: Horizon) -> Settings {
            let days = horizon.days
            let hasRoom = testDays > days && span >= Self.standardDays(horizon)
            guard self == Settings(), !hasRoom, span >= horizon.shortestHistoryDays else { return self }
            // TEST begins at midnight, up to a day earlier.
            let free = span - 1 - 2 * days
            let most = testDays - Horizon.standard.days
            let tested = min(max(Horizon.testedDays, min(most, free / 3)), free - horizon.learningDays)
            var fitted = self
            fitted.testDays = days + tested
            fitted.observationWarmupDays = min(observationWarmupDays, (free - tested) / 3)
            fitted.testObservationOffsetsDays = Set((0..<5).map { $0 * tested / 5 }).sorted()
            return fitted
        }

        /// The settings as a manifest records them.
        var record: [String: String] {
            [
                "evaluation.test_days": "\(testDays)",
                "evaluation.snapshot_offsets_days": testObservationOffsetsDays.map(String.init).joined(separator: ","),
                "evaluation.snapshot_warmup_days": "\(observationWarmupDays)",
                "evaluation.snapshot_every_days": "\(observationIntervalDays)",
            ]
        }

        /// Reads the settings back from a manifest's record.
        /// - Throws: `TrainingError` when one of them is missing or is no number.
        package init(record: [String: String]) throws(TrainingError) {
            func number(_ name: String) throws(TrainingError) -> Int {
                guard let number = record["evaluation.\(name)"].flatMap({ Int($0) }) else {
                    throw TrainingError("the manifest's settings lack evaluation.\(name): train anew")
                }
                return number
            }
            testDays = try number("test_days")
            observationWarmupDays = try number("snapshot_warmup_days")
            observationIntervalDays = try number("snapshot_every_days")
            let offsets = (record["evaluation.snapshot_offsets_days"] ?? "").split(separator: ",").map { Int($0) }
            guard !offsets.isEmpty, !offsets.contains(nil) else {
                throw TrainingError("the manifest's settings lack evaluation.snapshot_offsets_days: train anew")
            }
            testObservationOffsetsDays = offsets.compactMap { $0 }
        }
    }
}
