import Ensemble

/// What published predictions have come to, by the version of the model that made them: an immutable picture.
package struct Grades: Sendable {
    /// One version's predictions.
    package struct Version: Sendable {
        package let version: String
        package let servingModel: ModelName
        /// By model, of all predictions within the window whose horizons have passed; the figures of `trainer evaluate`.
        package let figures: [ModelName: Metrics]
        /// Ten bins of equal width of the served probability.
        package let calibration: [CalibrationBin]
        /// By UTC day of the predictions' event times, ascending.
        package let days: [Day]
    }

    package struct CalibrationBin: Sendable, Encodable {
        package let count: Int
        /// Mean of the probabilities and share of those that bought again; 0 in an empty bin.
        package let predicted: Double
        package let observed: Double
    }

    /// The served model's predictions of one day whose horizons have passed.
    package struct Day: Sendable {
        /// ISO 8601, `2011-09-01`.
        package let day: String
        /// Whether those are all predictions of the day.
        package let isComplete: Bool
        package let metrics: Metrics
    }

    package let versions: [Version]
    /// Predictions that wait for their labels.
    package let pending: Int
    /// Labels that became known since the start: bought again within the horizon, or not.
    package var bought: Int
    package var notBought: Int
    /// Share of customers whose predictions are graded; below 1 once there are more than memory is set aside for.
    package let sampledShare: Double
}
