import Customers
import Ensemble
import Events
import Features
import Scoring

/// What scoring needs beside a customer: the same for every request.
package struct ScoringContext: Sendable {
    let artifact: ModelArtifact
    let thresholds: PriorityThresholds
    let fields: FieldNames
    let timeToLiveDays: Int
    let extractor: FeatureExtractor
    /// Names as they stand in an answer, with a comma before and a colon behind.
    let featureKeys: [[UInt8]]
    let memberKeys: [(model: ModelName, key: [UInt8])]
    /// `nil` for an artifact that can be scored and not explained.
    let explainer: Explainer?
    /// Openings of a contribution by feature, up to its value.
    let contributionKeys: [[UInt8]]

    /// - Parameters:
    ///   - fields: what the shop's messages call the fields of an event.
    ///   - timeToLiveDays: how long a customer's state outlives their last event.
    package init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(),
        fields: FieldNames = FieldNames(), timeToLiveDays: Int = CustomerTable.defaultTimeToLiveDays
    ) {
        self.artifact = artifact
        self.thresholds = thresholds
        self.fields = fields
        self.timeToLiveDays = timeToLiveDays
        extractor = FeatureExtractor(encoding: artifact.categoryEncoding)
        featureKeys = FeatureSchema.names.map { JSONWriter.prepared($0) }
        memberKeys = artifact.ensemble.models.map { ($0, JSONWriter.prepared($0.rawValue)) }
        explainer = try? Explainer(artifact)
        contributionKeys = FeatureSchema.names.map { name in
            Array("{\"feature\":".utf8) + JSONWriter.text { $0.string(name) } + Array(",\"value\":".utf8)
        }
    }
}
