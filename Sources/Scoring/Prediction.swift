import Ensemble
import Events
import Features

/// How urgent a customer is, by the configured thresholds of the served probability.
package enum Priority: String, CaseIterable, Sendable {
    case high, medium, low
}

/// The probabilities from which on a prediction's priority is `high` and `medium`.
package struct PriorityThresholds: Equatable, Sendable {
    /// Lower bound of the priority `high`.
    package let high: Double
    /// Lower bound of the priority `medium`.
    package let medium: Double

    /// - Precondition: 0 ≤ medium ≤ high ≤ 1.
    package init(high: Double = 0.7, medium: Double = 0.4) {
        precondition(0 <= medium && medium <= high && high <= 1)
        self.high = high
        self.medium = medium
    }

    /// The priority of a served probability.
    package func priority(of probability: Double) -> Priority {
        probability >= high ? .high : probability >= medium ? .medium : .low
    }
}

/// Writes predictions as JSON payloads: a pure function of event, scores, artifact and thresholds.
package struct PredictionEncoder: Sendable {
    private let memory: Fragment.Memory
    private let servingModel: ModelName
    /// The artifact's models, one or five of them.
    private let models: InlineArray<5, ModelName>
    private let modelCount: Int
    private let thresholds: PriorityThresholds
    private let customerKey: Fragment
    private let invoiceKey: Fragment
    /// Stands where an event's prediction has its invoice.
    private let scheduleMark: Fragment
    private let timeKey: Fragment
    private let probabilityKey: Fragment
    private let memberKeys: InlineArray<5, Fragment>
    /// By priority, with a complete state and with an incomplete one.
    private let endings: InlineArray<3, Fragment>
    private let incompleteEndings: InlineArray<3, Fragment>
    private let explanation: ExplanationEncoder?
    /// Bytes of a payload beside the two identifiers.
    private let fixedRoom: Int

    /// An encoder of payloads without explanations.
    package init(manifest: Manifest, thresholds: PriorityThresholds) {
        self.init(manifest: manifest, thresholds: thresholds, explanation: nil)
    }

    /// - Parameter explanation: if payloads are to have one.
    init(manifest: Manifest, thresholds: PriorityThresholds, explanation: ExplanationEncoder?) {
        let memory = Fragment.Memory()
        self.memory = memory
        func fragment(_ text: String) -> Fragment { Fragment(Array(text.utf8), memory) }
        customerKey = fragment("{\"customer_id\":")
        invoiceKey = fragment(",\"invoice_no\":")
        scheduleMark = fragment(",\"trigger\":\"schedule\"")
        timeKey = fragment(",\"event_time\":\"")
        probabilityKey = fragment("\",\"purchase_probability\":")
        servingModel = manifest.servingModel
        let names = manifest.models ?? ModelName.allCases
        modelCount = min(names.count, 5)
        models = InlineArray { names[min($0, names.count - 1)] }
        self.thresholds = thresholds
        memberKeys = InlineArray { index in
            fragment("\(index == 0 ? ",\"members\":{" : ",")\"\(names[min(index, names.count - 1)].rawValue)\":")
        }
        func ending(_ priority: Priority, isComplete: Bool) -> Fragment {
            var ending = Array("},\"priority\":\"\(priority.rawValue)\",\"model_version\":".utf8)
            JSONText.appendString(manifest.version, to: &ending)
            ending += Array(",\"schema_fingerprint\":\"\(manifest.schemaFingerprint)\"".utf8)
            return Fragment(ending + Array((isComplete ? "}" : ",\"state_incomplete\":true}").utf8), memory)
        }
        endings = InlineArray { ending(Priority.allCases[$0], isComplete: true) }
        incompleteEndings = InlineArray { ending(Priority.allCases[$0], isComplete: false) }
        self.explanation = explanation
        // This is room for all endings, of which a payload has one.
        fixedRoom =
            memory.room + EventTime.longestText
            + (ModelName.allCases.count + 1) * ShortestDecimal.longest + (explanation?.room ?? 0)
    }

    /// The memory that `write` needs for a payload, in bytes.
    package func room(customerIDCount: Int, invoiceNoCount: Int) -> Int {
        fixedRoom + JSONText.longestString(of: customerIDCount) + JSONText.longestString(of: invoiceNoCount)
    }

    /// Writes one payload into memory of `room` bytes. Numbers are the shortest that read back as the same 64-bit value.
    /// - Parameters:
    ///   - invoiceNo: the event's; `nil` for an instant of the schedule.
    ///   - time: event time, milliseconds.
    ///   - explained: the row that was scored and its contributions, for an encoder of explanations.
    /// - Returns: the address behind the last byte.
    package func write(
        customerID: UnsafeRawBufferPointer, invoiceNo: UnsafeRawBufferPointer?, time: Int64, scores: Scores,
        isStateComplete: Bool,
        explained: (row: UnsafePointer<Float>, contributions: UnsafePointer<Double>)? = nil,
        to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var at = customerKey.write(to: out)
        at = JSONText.writeString(customerID, to: at)
        if let invoiceNo {
            at = invoiceKey.write(to: at)
            at = JSONText.writeString(invoiceNo, to: at)
        } else {
            at = scheduleMark.write(to: at)
        }
        at = timeKey.write(to: at)
        at = EventTime.writeISO8601(time, to: at)
        at = probabilityKey.write(to: at)
        // The served model's number occurs twice and is formatted once.
        let served = scores[servingModel]
        let text = at
        at = ShortestDecimal.write(served, to: at)
        let count = at - text
        for index in 0..<modelCount {
            at = memberKeys[index].write(to: at)
            if models[index] == servingModel {
                at.update(from: text, count: count)
                at += count
            } else {
                at = ShortestDecimal.write(scores[models[index]], to: at)
            }
        }
        if let explanation, let explained { at = explanation.write(explained.row, explained.contributions, to: at) }
        let priority =
            switch thresholds.priority(of: served) {
            case .high: 0
            case .medium: 1
            case .low: 2
            }
        return (isStateComplete ? endings : incompleteEndings)[priority].write(to: at)
    }
}
