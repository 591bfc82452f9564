import Ensemble
import Events
import Features

/// Writes predictions in Avro, by the schema in `config/prediction.avsc`: what `PredictionEncoder` writes as JSON.
struct AvroPredictionEncoder: Sendable {
    private let number: UInt32
    private let servingModel: ModelName
    private let models: [(model: ModelName, name: [UInt8])]
    private let thresholds: PriorityThresholds
    private let version: [UInt8]
    private let fingerprint: [UInt8]
    private let explanation: (count: Int, model: [UInt8], base: Double)?
    private let featureNames: [[UInt8]]
    /// Bytes of a payload beside the two identifiers.
    private let fixedRoom: Int

    /// - Parameters:
    ///   - number: of the schema in the registry.
    ///   - explainer: if payloads are to have explanations.
    ///   - count: features in an explanation.
    init(
        number: UInt32, manifest: Manifest, schema: FeatureSchema, thresholds: PriorityThresholds,
        explainer: Explainer?,
        count: Int
    ) {
        self.number = number
        self.thresholds = thresholds
        servingModel = manifest.servingModel
        models = (manifest.models ?? ModelName.allCases).map { ($0, Array($0.rawValue.utf8)) }
        version = Array(manifest.version.utf8)
        fingerprint = Array(manifest.schemaFingerprint.utf8)
        explanation = explainer.map { (count, Array($0.servingModel.rawValue.utf8), $0.baseLogOdds()) }
        featureNames = schema.names.map { Array($0.utf8) }
        let longestName = (featureNames.map(\.count) + models.map(\.name.count)).max() ?? 0
        fixedRoom =
            64 + version.count + fingerprint.count + 12 * AvroOutput.longestNumber
            + (models.count + count + 1) * (longestName + AvroOutput.longestNumber + 16)
    }

    func room(customerIDCount: Int, invoiceNoCount: Int) -> Int { fixedRoom + customerIDCount + invoiceNoCount }

    /// Writes one payload into memory of `room` bytes; see `PredictionEncoder.write`.
    func write(
        customerID: UnsafeRawBufferPointer, invoiceNo: UnsafeRawBufferPointer?, time: Int64, scores: Scores,
        isStateComplete: Bool, explained: (row: UnsafePointer<Float>, contributions: UnsafePointer<Double>)?,
        to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var output = AvroOutput(to: out)
        output.frame(schema: number)
        output.string(customerID)
        output.string(invoiceNo ?? UnsafeRawBufferPointer(start: nil, count: 0))
        output.long(time)
        output.double(scores[servingModel])
        output.long(Int64(models.count))
        for (model, name) in models {
            output.string(name)
            output.double(scores[model])
        }
        output.long(0)
        let priority =
            switch thresholds.priority(of: scores[servingModel]) {
            case .high: 0
            case .medium: 1
            case .low: 2
            }
        output.long(Int64(priority))
        output.string(version)
        output.string(fingerprint)
        output.boolean(!isStateComplete)
        if let explanation, let explained {
            output.long(1)
            output.string(explanation.model)
            output.double(explanation.base)
            withUnsafeTemporaryAllocation(of: Int.self, capacity: explanation.count) { top in
                let found = Explanation.top(explained.contributions, into: top)
                if found > 0 { output.long(Int64(found)) }
                for feature in top[..<found] {
                    output.string(featureNames[feature])
                    let value = explained.row[feature]
                    output.long(value.isFinite ? 1 : 0)
                    if value.isFinite { output.float(value) }
                    output.double(explained.contributions[feature])
                }
                output.long(0)
            }
        } else {
            output.long(0)
        }
        output.long(invoiceNo == nil ? 1 : 0)
        return output.at
    }
}

/// Writes the payloads of one format.
protocol PayloadWriter {
    /// The memory that `write` needs for a payload, in bytes.
    func room(customerIDCount: Int, invoiceNoCount: Int) -> Int

    /// Writes one payload; see `PredictionEncoder.write`.
    func write(
        customerID: UnsafeRawBufferPointer, invoiceNo: UnsafeRawBufferPointer?, time: Int64, scores: Scores,
        isStateComplete: Bool, explained: (row: UnsafePointer<Float>, contributions: UnsafePointer<Double>)?,
        to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8>
}

extension PredictionEncoder: PayloadWriter {}
extension AvroPredictionEncoder: PayloadWriter {}

/// What payloads are written in.
enum PayloadEncoder: Sendable {
    case json(PredictionEncoder)
    case avro(AvroPredictionEncoder)

    /// - Parameters:
    ///   - explainer: if payloads are to be explained, by so many features.
    ///   - avroSchema: the number of the schema in a registry; `nil` for JSON.
    init(
        _ artifact: ModelArtifact, _ thresholds: PriorityThresholds, _ explainer: Explainer?, features: Int,
        avroSchema: UInt32?
    ) {
        if let avroSchema {
            self = .avro(
                AvroPredictionEncoder(
                    number: avroSchema, manifest: artifact.manifest, schema: artifact.schema, thresholds: thresholds,
                    explainer: explainer, count: features))
        } else {
            self = .json(
                PredictionEncoder(
                    manifest: artifact.manifest, thresholds: thresholds,
                    explanation: explainer.map { ExplanationEncoder($0, of: artifact.schema, count: features) }))
        }
    }
}
