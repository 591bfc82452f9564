import Customers
import Features

/// The content of an artifact's `manifest.json`: everything that scoring depends on, and where it came from.
package struct Manifest: Codable, Equatable, Sendable {
    /// Version of this file's own layout.
    package var format: Int
    /// Names the artifact: the end of the training period and a digest of everything in it.
    package var version: String
    /// Digest of the feature schema that the models were trained on.
    package var schemaFingerprint: String
    /// The features' names, in schema order.
    package var features: [String]
    /// Lengths of the feature windows, days.
    package var windowsDays: [Int]
    /// The models that the artifact has; `nil` for the five that training makes.
    package var models: [ModelName]?
    /// Where an imported model came from.
    package var origin: Origin?
    /// How long a customer's state outlived their last event when the features were computed.
    package var timeToLiveDays: Int
    /// How far ahead a label looks, days.
    package var horizonDays: Int
    /// The model whose probability is published as `purchase_probability`.
    package var servingModel: ModelName
    /// For each model, how the base models' margins become its log-odds.
    package var weights: [String: LogOddsWeights]
    /// The category encoding: countries by number of customers in the training period, most first.
    package var countries: [String]
    /// The history that the models were trained on.
    package var history: History
    /// Decided every random choice of training.
    package var seed: Int
    /// Training examples lie before this instant, ISO 8601.
    package var trainedUntil: String
    /// Number of training examples; 0 for an imported model.
    package var trainingExamples: Int
    /// The model that `results.json` is of, where the one that serves was refitted.
    package var holdoutModel: HoldoutModel?
    /// The settings of the training, by configuration key.
    package var settings: [String: String]
    /// Versions of the programs that made it, by name.
    package var madeWith: [String: String]
    /// Rows by which a loaded artifact is verified.
    package var goldenRows: [GoldenRow]
    /// SHA-256 of the other files in hexadecimal, by name.
    package var files: [String: String]

    /// The layout that this program writes and reads.
    package static let currentFormat = 1
    /// Version of this program, as artifacts record it.
    package static let programVersion = "0.1.0"

    enum CodingKeys: String, CodingKey {
        case format, version, schemaFingerprint, features, windowsDays, models, origin, timeToLiveDays, horizonDays
        case servingModel, weights, countries, history, seed, trainedUntil
        case trainingExamples = "trainingPoints"
        case holdoutModel = "evaluatedTwin"
        case settings, madeWith, goldenRows, files
    }

    /// A manifest with this program's layout and windows.
    package init(
        version: String, schema: FeatureSchema, timeToLiveDays: Int, servingModel: ModelName, weights: Ensemble.Weights,
        countries: [String],
        history: History, seed: Int, trainedUntil: String, trainingExamples: Int, settings: [String: String],
        madeWith: [String: String], goldenRows: [GoldenRow], files: [String: String], models: [ModelName]? = nil,
        origin: Origin? = nil
    ) {
        format = Self.currentFormat
        self.version = version
        schemaFingerprint = schema.fingerprint
        features = schema.names
        windowsDays = Windows.days
        self.timeToLiveDays = timeToLiveDays
        horizonDays = schema.horizon.days
        self.servingModel = servingModel
        self.weights = Dictionary(uniqueKeysWithValues: weights.map { ($0.rawValue, $1) })
        self.countries = countries
        self.history = history
        self.seed = seed
        self.trainedUntil = trainedUntil
        self.trainingExamples = trainingExamples
        self.settings = settings
        self.madeWith = madeWith
        self.goldenRows = goldenRows
        self.files = files
        self.models = models
        self.origin = origin
    }
}
