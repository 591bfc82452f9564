import Ensemble

/// How well published predictions turned out, by the version of the model that made them. Immutable.
package struct OnlineEvaluation: Sendable {
    /// One version's predictions.
    package struct Version: Sendable {
        /// The artifact's version.
        package let version: String
        /// The model whose probability was served.
        package let servingModel: ModelName
        /// By model, over all predictions of events within the window whose horizon has passed. `trainer evaluate` computes the
        /// same metrics; all figures but `rescored` are of these.
        package let figures: [ModelName: Metrics]
        /// By model, over the predictions of the schedule's instants, one a week of each customer; empty where there are none.
        package let rescored: [ModelName: Metrics]
        /// Ten bins of equal width of the served probability.
        package let calibration: [CalibrationBin]
        /// By UTC day of the predictions' event times, ascending.
        package let days: [Day]
    }

    /// Predictions of similar probability.
    package struct CalibrationBin: Sendable, Encodable {
        /// Predictions in the bin.
        package let count: Int
        /// Mean probability; 0 in an empty bin.
        package let predicted: Double
        /// Share of those who bought again; 0 in an empty bin.
        package let observed: Double
    }

    /// The served model's predictions of one day whose horizon has passed.
    package struct Day: Sendable {
        /// ISO 8601, such as `2011-09-01`.
        package let day: String
        /// Whether the horizon has passed for all predictions of the day.
        package let isComplete: Bool
        /// Of the served model.
        package let metrics: Metrics
    }

    /// Ascending by version; those with at least one evaluated prediction.
    package let versions: [Version]
    /// Versions that have scored beside the one in service, held against it.
    package let comparisons: [PairedComparison]
    /// Predictions whose labels are not known yet, those for comparison only among them.
    package let pending: Int
    /// Labels since the start of customers who bought again within the horizon.
    package var bought: Int
    /// Labels since the start of customers who did not.
    package var notBought: Int
    /// Share of customers whose predictions are evaluated; below 1 once there were more predictions than the limit.
    package let sampledShare: Double
}
