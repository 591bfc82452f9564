import Customers
import Features

/// What stands in an artifact's `manifest.json`: everything that scoring depends on, and where it came from.
public struct Manifest: Codable, Equatable, Sendable {
    /// A row of features with what each model must make of it, bit for bit.
    public struct GoldenRow: Codable, Equatable, Sendable {
        /// In schema order; `null` is a missing value. Written as 64-bit numbers, so that 32-bit values are exact.
        public var features: [Double?]
        /// Probability by model.
        public var scores: [String: Double]

        public init(features: [Double?], scores: [String: Double]) {
            self.features = features
            self.scores = scores
        }
    }

    public struct History: Codable, Equatable, Sendable {
        /// Over what the events say, in order, whatever notation and packing they came in.
        public var sha256: String
        public var events: Int
        public var anonymousEvents: Int
        public var customers: Int
        /// ISO 8601.
        public var firstEvent: String
        public var lastEvent: String

        public init(
            sha256: String, events: Int, anonymousEvents: Int, customers: Int, firstEvent: String, lastEvent: String
        ) {
            self.sha256 = sha256
            self.events = events
            self.anonymousEvents = anonymousEvents
            self.customers = customers
            self.firstEvent = firstEvent
            self.lastEvent = lastEvent
        }
    }

    /// A model file that was imported.
    public struct Origin: Codable, Equatable, Sendable {
        /// By the name that the file has in the artifact.
        public enum Format: String, Codable, Sendable {
            case xgboostJSON = "xgboost.json"
            case xgboostUBJSON = "xgboost.ubj"
            case lightGBM = "lightgbm.txt"
        }

        public var format: Format
        /// As the file says it: XGBoost's own version, LightGBM's version of the format.
        public var version: String
        public var sha256: String
        /// Log-odds that an XGBoost model starts from, a 32-bit number.
        public var baseMargin: Double?
    }

    /// The members that the figures are of, where those that serve were fitted anew on all that was known.
    public struct Twin: Codable, Equatable, Sendable {
        public var weights: [String: LogOddsWeights]
        /// ISO 8601.
        public var trainedUntil: String
        public var trainingPoints: Int

        public init(weights: Ensemble.Weights, trainedUntil: String, trainingPoints: Int) {
            self.weights = Dictionary(uniqueKeysWithValues: weights.map { ($0.rawValue, $1) })
            self.trainedUntil = trainedUntil
            self.trainingPoints = trainingPoints
        }
    }

    /// Version of this file's own layout.
    public var format: Int
    /// Names the artifact: end of the training period and a digest of everything in it.
    public var version: String
    public var schemaFingerprint: String
    public var features: [String]
    public var windowsDays: [Int]
    /// The models that the artifact has; `nil` for the five that training makes.
    public var models: [ModelName]?
    /// Where an imported model came from.
    public var origin: Origin?
    /// How long a customer's state outlived their last event when the features were made.
    public var timeToLiveDays: Int
    public var horizonDays: Int
    /// The model whose probability is published as `purchase_probability`.
    public var servingModel: ModelName
    /// For each model, how the members' margins become its log-odds.
    public var weights: [String: LogOddsWeights]
    /// Frozen table: countries by customers in the training period.
    public var countries: [String]
    public var history: History
    public var seed: Int
    /// Training points lie before this instant, ISO 8601.
    public var trainedUntil: String
    public var trainingPoints: Int
    public var evaluatedTwin: Twin?
    /// The settings that it was trained with, by name.
    public var settings: [String: String]
    /// Versions of what made it.
    public var madeWith: [String: String]
    public var goldenRows: [GoldenRow]
    /// SHA-256 of the other files.
    public var files: [String: String]

    public static let currentFormat = 1
    /// Version of this program, as artifacts record it.
    public static let programVersion = "0.1.0"

    public init(
        version: String, timeToLiveDays: Int, servingModel: ModelName, weights: Ensemble.Weights, countries: [String],
        history: History, seed: Int, trainedUntil: String, trainingPoints: Int, settings: [String: String],
        madeWith: [String: String],
        goldenRows: [GoldenRow], files: [String: String], models: [ModelName]? = nil, origin: Origin? = nil
    ) {
        format = Self.currentFormat
        self.version = version
        schemaFingerprint = FeatureSchema.fingerprint
        features = FeatureSchema.names
        windowsDays = Windows.days
        self.timeToLiveDays = timeToLiveDays
        horizonDays = FeatureExtractor.horizonDays
        self.servingModel = servingModel
        self.weights = Dictionary(uniqueKeysWithValues: weights.map { ($0.rawValue, $1) })
        self.countries = countries
        self.history = history
        self.seed = seed
        self.trainedUntil = trainedUntil
        self.trainingPoints = trainingPoints
        self.settings = settings
        self.madeWith = madeWith
        self.goldenRows = goldenRows
        self.files = files
        self.models = models
        self.origin = origin
    }
}
