import Ensemble
import Events
import Features

/// How soon a customer is worth attention, by the thresholds of the configuration.
public enum Priority: String, CaseIterable, Sendable {
    case high, medium, low
}

/// Probabilities from which a prediction's priority is `high` and `medium`.
public struct PriorityThresholds: Equatable, Sendable {
    public let high: Double
    public let medium: Double

    /// - Precondition: 0 ≤ medium ≤ high ≤ 1.
    public init(high: Double = 0.7, medium: Double = 0.4) {
        precondition(0 <= medium && medium <= high && high <= 1)
        self.high = high
        self.medium = medium
    }

    public func priority(of probability: Double) -> Priority {
        probability >= high ? .high : probability >= medium ? .medium : .low
    }
}

/// Writes predictions as JSON payloads: a pure function of event, scores, artifact and thresholds.
public struct PredictionEncoder: Sendable {
    private let servingModel: ModelName
    private let thresholds: PriorityThresholds
    /// The members' keys, and what comes after the last number.
    private let memberKeys: [[UInt8]]
    private let endings: [[UInt8]]

    public init(manifest: Manifest, thresholds: PriorityThresholds) {
        servingModel = manifest.servingModel
        self.thresholds = thresholds
        memberKeys = ModelName.allCases.enumerated().map { index, model in
            Array("\(index == 0 ? ",\"members\":{" : ",")\"\(model.rawValue)\":".utf8)
        }
        endings = Priority.allCases.map { priority in
            var ending = Array("},\"priority\":\"\(priority.rawValue)\",\"model_version\":".utf8)
            JSONText.appendString(manifest.version, to: &ending)
            ending += Array(",\"schema_fingerprint\":\"\(manifest.schemaFingerprint)\"}".utf8)
            return ending
        }
    }

    /// Appends one payload. Numbers are the shortest that read back as the same 64-bit value.
    public func append(
        customerID: UnsafeRawBufferPointer, invoiceNo: UnsafeRawBufferPointer, time: Int64, scores: Scores,
        isStateComplete: Bool, to out: inout [UInt8]
    ) {
        let probability = scores[servingModel]
        out.append(contentsOf: Self.customerKey)
        JSONText.appendString(customerID, to: &out)
        out.append(contentsOf: Self.invoiceKey)
        JSONText.appendString(invoiceNo, to: &out)
        out.append(contentsOf: Self.timeKey)
        EventTime.appendISO8601(time, to: &out)
        out.append(contentsOf: Self.probabilityKey)
        append(probability, to: &out)
        for (index, model) in ModelName.allCases.enumerated() {
            out.append(contentsOf: memberKeys[index])
            append(scores[model], to: &out)
        }
        switch thresholds.priority(of: probability) {
        case .high: out.append(contentsOf: endings[0])
        case .medium: out.append(contentsOf: endings[1])
        case .low: out.append(contentsOf: endings[2])
        }
        if !isStateComplete {
            out.removeLast()
            out.append(contentsOf: Self.incompleteEnding)
        }
    }

    private func append(_ number: Double, to out: inout [UInt8]) {
        var text = number.description
        text.withUTF8 { out.append(contentsOf: $0) }
    }

    private static let incompleteEnding = Array(",\"state_incomplete\":true}".utf8)
    private static let customerKey = Array("{\"customer_id\":".utf8)
    private static let invoiceKey = Array(",\"invoice_no\":".utf8)
    private static let timeKey = Array(",\"event_time\":\"".utf8)
    private static let probabilityKey = Array("\",\"purchase_probability\":".utf8)
}
