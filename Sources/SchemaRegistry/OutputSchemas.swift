import Events

/// The schemas of what the worker publishes in Avro, and their numbers in a registry.
package struct OutputSchemas: Sendable, Equatable {
    /// Of predictions.
    package let prediction: UInt32
    /// Of outcomes; the same as `prediction` where there are none.
    package let outcome: UInt32

    /// Schemas that are registered under these numbers.
    package init(prediction: UInt32, outcome: UInt32) {
        self.prediction = prediction
        self.outcome = outcome
    }

    /// Registers the schemas under the subjects of their topics, `TOPIC-value`.
    /// - Parameter outcomes: the topic of outcomes, if there is one.
    /// - Throws: `SchemaUnavailable`, a refusal where a subject holds a schema that is not compatible.
    package init(
        registering client: RegistryClient, predictions: String, outcomes: String?
    ) throws(SchemaUnavailable) {
        prediction = try client.register(Self.predictionText, codec: .avro, subject: "\(predictions)-value")
        guard let outcomes else {
            outcome = prediction
            return
        }
        outcome = try client.register(Self.outcomeText, codec: .avro, subject: "\(outcomes)-value")
    }

    /// The schema of predictions, as JSON.
    package static var predictionText: String { String(decoding: PackageResources.prediction_avsc, as: UTF8.self) }
    /// The schema of outcomes, as JSON.
    package static var outcomeText: String { String(decoding: PackageResources.outcome_avsc, as: UTF8.self) }
}
