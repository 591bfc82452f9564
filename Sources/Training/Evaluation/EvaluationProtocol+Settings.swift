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
