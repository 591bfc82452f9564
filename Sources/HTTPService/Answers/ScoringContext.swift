import Customers
import Ensemble
import Events
import Features
import Scoring

/// What scoring needs beside a customer: the same for every request.
public struct ScoringContext: Sendable {
    let artifact: ModelArtifact
    let thresholds: PriorityThresholds
    let fields: FieldNames
    let timeToLiveDays: Int
    let extractor: FeatureExtractor
    /// Names as they stand in an answer, with a comma before and a colon behind.
    let featureKeys: [[UInt8]]
    let memberKeys: [(model: ModelName, key: [UInt8])]

    /// - Parameters:
    ///   - fields: what the shop's messages call the fields of an event.
    ///   - timeToLiveDays: how long a customer's state outlives their last event.
    public init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(),
        fields: FieldNames = FieldNames(), timeToLiveDays: Int = CustomerTable.defaultTimeToLiveDays
    ) {
        self.artifact = artifact
        self.thresholds = thresholds
        self.fields = fields
        self.timeToLiveDays = timeToLiveDays
        extractor = FeatureExtractor(tables: artifact.tables)
        featureKeys = FeatureSchema.names.map { JSONWriter.prepared($0) }
        memberKeys = artifact.ensemble.models.map { ($0, JSONWriter.prepared($0.rawValue)) }
    }
}
