extension Manifest {
    /// A row of features with the score that each model must give it, bit for bit.
    package struct GoldenRow: Codable, Equatable, Sendable {
        /// In schema order; `null` is a missing value. Written as 64-bit numbers, so that 32-bit values are exact.
        package var features: [Double?]
        /// Probability by model.
        package var scores: [String: Double]

        /// - Parameters:
        ///   - features: one a feature of the schema.
        ///   - scores: probability by model.
        package init(features: [Double?], scores: [String: Double]) {
            self.features = features
            self.scores = scores
        }
    }

    /// The history that a model was trained on.
    package struct History: Codable, Equatable, Sendable {
        /// SHA-256 over all fields of the events, the same for CSV and NDJSON, one file or several.
        package var sha256: String
        /// Number of events.
        package var events: Int
        /// Number of events without a customer.
        package var anonymousEvents: Int
        /// Number of customers.
        package var customers: Int
        /// Time of the first event, ISO 8601.
        package var firstEvent: String
        /// Time of the last event, ISO 8601.
        package var lastEvent: String

        /// A summary of a history; times are ISO 8601.
        package init(
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

    /// The file of an imported model.
    package struct Origin: Codable, Equatable, Sendable {
        /// The file's format, by the name that the file has in the artifact.
        package enum Format: String, Codable, Sendable {
            /// XGBoost's `model.json`.
            case xgboostJSON = "xgboost.json"
            /// XGBoost's `model.ubj`.
            case xgboostUBJSON = "xgboost.ubj"
            /// LightGBM's `model.txt`.
            case lightGBM = "lightgbm.txt"
        }

        /// The file's format.
        package var format: Format
        /// As the file states it: XGBoost's own version, LightGBM's version of the format.
        package var version: String
        /// SHA-256 of the file, in hexadecimal.
        package var sha256: String
        /// Log-odds that an XGBoost model starts from, a 32-bit number.
        package var baseMargin: Double?
    }

    /// The model that was evaluated, where the one that serves was refitted on TEST too.
    package struct HoldoutModel: Codable, Equatable, Sendable {
        /// For each model, how the base models' margins become its log-odds.
        package var weights: [String: LogOddsWeights]
        /// Training examples lie before this instant, ISO 8601.
        package var trainedUntil: String
        /// Number of training examples.
        package var trainingExamples: Int

        enum CodingKeys: String, CodingKey {
            case weights, trainedUntil
            case trainingExamples = "trainingPoints"
        }

        /// - Parameters:
        ///   - weights: one for each of the five models.
        ///   - trainedUntil: ISO 8601.
        package init(weights: Ensemble.Weights, trainedUntil: String, trainingExamples: Int) {
            self.weights = Dictionary(uniqueKeysWithValues: weights.map { ($0.rawValue, $1) })
            self.trainedUntil = trainedUntil
            self.trainingExamples = trainingExamples
        }
    }
}
