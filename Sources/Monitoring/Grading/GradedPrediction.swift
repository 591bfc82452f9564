import CPrefetch
import Customers

/// A prediction that was published, and its label as soon as that is known.
public struct GradedPrediction: Sendable, Equatable {
    public enum Label: UInt8, Sendable {
        case pending, notBought, bought
    }

    /// t, milliseconds of event time.
    public let time: Int64
    /// Offset of the message that it is of.
    public let offset: Int64
    public let customerHash: UInt64
    public let invoiceHash: UInt64
    /// Probability by the models of its version, in that version's order; 0 beyond them.
    public let probabilities: InlineArray<5, Double>
    /// Place in the grader's versions.
    public let version: UInt16
    public internal(set) var label = Label.pending
    /// Steps back to the customer's prediction before this that waits with it; 0 for none.
    var previous: UInt32 = 0

    public static func == (a: Self, b: Self) -> Bool {
        (a.time, a.offset, a.customerHash, a.invoiceHash, a.version, a.label)
            == (b.time, b.offset, b.customerHash, b.invoiceHash, b.version, b.label)
            && a.probabilities.indices.allSatisfy { a.probabilities[$0] == b.probabilities[$0] }
    }
}

/// Predictions in the order of the log, so many together that one is a record of a checkpoint.
struct PredictionChunk: Sendable {
    static let limit = 1024

    var predictions: [GradedPrediction] = []
    /// How many of them wait for their labels.
    var pending = 0
    var latestTime = Int64.min
    /// Changed since the snapshot before.
    var isChanged = false

    mutating func append(_ prediction: GradedPrediction) {
        if predictions.isEmpty { predictions.reserveCapacity(Self.limit) }
        predictions.append(prediction)
        if prediction.label == .pending { pending += 1 }
        latestTime = max(latestTime, prediction.time)
        isChanged = true
    }

    /// Asks for the memory of a prediction, two cache lines.
    func fetch(_ place: Int) {
        predictions.withUnsafeBufferPointer { predictions in
            guard place < predictions.count, let start = predictions.baseAddress else { return }
            cp_prefetch(start + place)
            cp_prefetch(UnsafeRawPointer(start + place + 1) - 1)
        }
    }

    mutating func settle(_ place: Int, _ label: GradedPrediction.Label) {
        predictions[place].label = label
        pending -= 1
        isChanged = true
    }
}
