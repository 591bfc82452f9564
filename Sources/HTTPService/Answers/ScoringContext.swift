import Customers
import Ensemble
import Events
import Features
import Scoring

/// Everything that scoring a request needs apart from the request. Immutable, and the same for all requests.
package struct ScoringContext: Sendable {
    let artifact: ModelArtifact
    let thresholds: PriorityThresholds
    let format: EventFormat
    let timeToLiveDays: Int
    let extractor: FeatureExtractor
    /// The features' names as they appear in an answer, each with a comma before and a colon after it.
    let featureKeys: [[UInt8]]
    let memberKeys: [(model: ModelName, key: [UInt8])]
    /// `nil` if the artifact cannot be explained.
    let explainer: Explainer?
    /// The JSON of each feature's contribution, up to its value.
    let contributionKeys: [[UInt8]]

    /// Prepares the context. Costs the preparation of the explainer: make it once.
    ///
    /// - Parameters:
    ///   - artifact: The model.
    ///   - thresholds: The probabilities at which a customer's priority changes.
    ///   - fields: The names of an event's fields in the shop's messages.
    ///   - timeToLiveDays: How long a customer's state is kept after their last event.
    package init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(),
        format: EventFormat = EventFormat(), timeToLiveDays: Int = CustomerTable.defaultTimeToLiveDays
    ) {
        self.artifact = artifact
        self.thresholds = thresholds
        self.format = format
        self.timeToLiveDays = timeToLiveDays
        extractor = artifact.makeExtractor()
        featureKeys = artifact.schema.names.map { JSONWriter.prepared($0) }
        memberKeys = artifact.ensemble.models.map { ($0, JSONWriter.prepared($0.rawValue)) }
        explainer = try? Explainer(artifact)
        contributionKeys = artifact.schema.names.map { name in
            Array("{\"feature\":".utf8) + JSONWriter.text { $0.string(name) } + Array(",\"value\":".utf8)
        }
    }

    /// The same settings for another model.
    func of(_ artifact: ModelArtifact) -> ScoringContext {
        ScoringContext(
            artifact: artifact, thresholds: thresholds, format: format, timeToLiveDays: timeToLiveDays)
    }
}
