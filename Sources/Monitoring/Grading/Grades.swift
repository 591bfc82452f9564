import Ensemble

/// What published predictions have come to, by the version of the model that made them: an immutable picture.
public struct Grades: Sendable {
    /// One version's predictions.
    public struct Version: Sendable {
        public let version: String
        public let servingModel: ModelName
        /// By model, of all predictions within the window whose horizons have passed; the figures of `trainer evaluate`.
        public let figures: [ModelName: Metrics]
        /// Ten bins of equal width of the served probability.
        public let calibration: [CalibrationBin]
        /// By UTC day of the predictions' event times, ascending.
        public let days: [Day]
    }

    public struct CalibrationBin: Sendable, Encodable {
        public let count: Int
        /// Mean of the probabilities and share of those that bought again; 0 in an empty bin.
        public let predicted: Double
        public let observed: Double
    }

    /// The served model's predictions of one day whose horizons have passed.
    public struct Day: Sendable {
        /// ISO 8601, `2011-09-01`.
        public let day: String
        /// Whether those are all predictions of the day.
        public let isComplete: Bool
        public let metrics: Metrics
    }

    public let versions: [Version]
    /// Predictions that wait for their labels.
    public let pending: Int
    /// Labels that became known since the start: bought again within the horizon, or not.
    public var bought: Int
    public var notBought: Int
    /// Share of customers whose predictions are graded; below 1 once there are more than memory is set aside for.
    public let sampledShare: Double
}
