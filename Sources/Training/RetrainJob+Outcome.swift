extension RetrainJob {
    /// How a job ended.
    package enum Status: Equatable, Sendable {
        /// `current` points to the new version.
        case promoted
        /// The same history and settings as before: the resulting version is in service already.
        case alreadyInService
        /// All rules pass, but it was a dry run.
        case wouldBePromoted
        /// A rule does not pass. The artifact is written, and `current` is what it was.
        case refused
        /// A data check failed; nothing was trained.
        case badData
    }

    /// Everything that a report tells of a job. Members of steps that the job did not reach are empty.
    package struct Outcome: Sendable {
        /// How the job ended.
        package var status: Status
        /// The results of the data checks.
        package var findings: [Finding]
        /// The history's counts.
        package var profile: DataProfile
        /// The results of the promotion rules.
        package var verdicts: [QualityGate.Verdict] = []
        /// The version that was written.
        package var version: String?
        /// The challenger's metrics on TEST.
        package var evaluation: Evaluation?
        /// The challenger beside the champion; `nil` when there is no champion to compare with.
        package var comparison: ChampionComparison?
        /// A caveat about the comparison, or why there is none.
        package var championNote: String?
        /// The rolling-origin evaluation, where it is configured.
        package var backtest: Backtest?
        /// Old versions that were removed.
        package var pruned: [String] = []
        /// Why old artifacts could not be removed.
        package var pruneProblem: String?
        /// The served model's feature importance.
        package var importance: FeatureImportance?
        /// Whether a refit is served. The metrics are then those of the holdout model, which has not seen TEST.
        package var isRefitted = false
        /// The challenger's predictions on TEST, for plots.
        var predictions: TestPredictions?
    }
}
