import CPrefetch

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
    public let label: Label

    public static func == (a: Self, b: Self) -> Bool {
        (a.time, a.offset, a.customerHash, a.invoiceHash, a.version, a.label)
            == (b.time, b.offset, b.customerHash, b.invoiceHash, b.version, b.label)
            && a.probabilities.indices.allSatisfy { a.probabilities[$0] == b.probabilities[$0] }
    }
}

/// Predictions in the order of the log, so many together that one is a record of a checkpoint.
struct PredictionChunk: Sendable {
    static let limit = 1024

    /// What a prediction is decided by, and what is decided: apart from the rest, since a customer's are gone through again
    /// and again, and since nothing else of them ever changes.
    struct Case: Sendable {
        let time: Int64
        let invoiceHash: UInt64
        /// Steps back to the customer's prediction before this that waits with it; 0 for none.
        var previous: UInt32 = 0
        fileprivate(set) var label = GradedPrediction.Label.pending
    }

    /// What is said, and of whom.
    struct Content: Sendable {
        let offset: Int64
        let customerHash: UInt64
        let probabilities: InlineArray<5, Double>
        let version: UInt16
    }

    var cases: [Case] = []
    private(set) var contents: [Content] = []
    /// How many of them wait for their labels.
    private(set) var pending = 0
    private(set) var latestTime = Int64.min
    /// Changed since the snapshot before.
    var isChanged = false

    var count: Int { cases.count }

    subscript(place: Int) -> GradedPrediction {
        let (its, content) = (cases[place], contents[place])
        return GradedPrediction(
            time: its.time, offset: content.offset, customerHash: content.customerHash, invoiceHash: its.invoiceHash,
            probabilities: content.probabilities, version: content.version, label: its.label)
    }

    var predictions: some RandomAccessCollection<GradedPrediction> { cases.indices.lazy.map { self[$0] } }

    mutating func append(_ new: Case, _ content: Content) {
        if cases.isEmpty {
            cases.reserveCapacity(Self.limit)
            contents.reserveCapacity(Self.limit)
        }
        cases.append(new)
        contents.append(content)
        if new.label == .pending { pending += 1 }
        latestTime = max(latestTime, new.time)
        isChanged = true
    }

    /// Asks for the memory of a prediction's case.
    func fetch(_ place: Int) {
        cases.withUnsafeBufferPointer { cases in
            guard place < cases.count, let start = cases.baseAddress else { return }
            cp_prefetch(start + place)
        }
    }

    mutating func settle(_ place: Int, _ label: GradedPrediction.Label) {
        cases[place].label = label
        pending -= 1
        isChanged = true
    }
}

extension PredictionChunk.Case {
    init(of prediction: GradedPrediction) {
        self.init(time: prediction.time, invoiceHash: prediction.invoiceHash)
        label = prediction.label
    }
}

extension PredictionChunk.Content {
    init(of prediction: GradedPrediction) {
        self.init(
            offset: prediction.offset, customerHash: prediction.customerHash, probabilities: prediction.probabilities,
            version: prediction.version)
    }
}
