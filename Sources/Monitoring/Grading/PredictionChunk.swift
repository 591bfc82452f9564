import CPrefetch

/// Predictions in the order of the log, so many together that one is a record of a checkpoint.
///
/// A value: its memory is copied when it changes while others hold it. Unlike an array's, its holders are not counted for
/// every element that is read, which for random ones costs as much as reading them.
struct PredictionChunk: Sendable {
    /// A power of two.
    static let limit = 1024

    /// What a prediction is decided by, and what is decided: apart from the rest, since a customer's are gone through again
    /// and again, and since nothing else of them ever changes.
    struct Case: BitwiseCopyable, Sendable {
        let time: Int64
        let invoiceHash: UInt64
        /// Steps back to the customer's prediction before this that waits with it; 0 for none.
        var previous: UInt32 = 0
        fileprivate(set) var label = GradedPrediction.Label.pending
    }

    /// What is said, and of whom.
    struct Content: BitwiseCopyable, Sendable {
        let offset: Int64
        let customerHash: UInt64
        let probabilities: InlineArray<5, Double>
        let version: UInt16
    }

    private var cases = OwnedMemory<Case>(capacity: limit)
    private var contents = OwnedMemory<Content>(capacity: limit)
    private(set) var count = 0
    /// How many of them wait for their labels.
    private(set) var pending = 0
    private(set) var latestTime = Int64.min
    /// Changed since the snapshot before.
    var isChanged = false

    subscript(place: Int) -> GradedPrediction {
        let its = self.case(at: place)
        let content = contents.start[place]
        return GradedPrediction(
            time: its.time, offset: content.offset, customerHash: content.customerHash, invoiceHash: its.invoiceHash,
            probabilities: content.probabilities, version: content.version, label: its.label)
    }

    var predictions: some RandomAccessCollection<GradedPrediction> { (0..<count).lazy.map { self[$0] } }

    @inline(__always)
    func `case`(at place: Int) -> Case {
        precondition(place >= 0 && place < count)
        return cases.start[place]
    }

    /// - Precondition: there are fewer than `limit`.
    @inline(__always)
    mutating func append(_ new: Case, _ content: Content) {
        precondition(count < Self.limit)
        cases.own(count)
        contents.own(count)
        cases.start[count] = new
        contents.start[count] = content
        count += 1
        if new.label == .pending { pending += 1 }
        latestTime = max(latestTime, new.time)
        isChanged = true
    }

    /// Asks for the memory of a prediction's case.
    @inline(__always)
    func fetch(_ place: Int) { cp_prefetch(cases.start + place) }

    mutating func settle(_ place: Int, _ label: GradedPrediction.Label) {
        precondition(place < count)
        cases.own(count)
        cases.start[place].label = label
        pending -= 1
        isChanged = true
    }

    /// - Parameter steps: back to the customer's prediction before this that waits with it; 0 for none.
    mutating func link(_ place: Int, back steps: UInt32) {
        precondition(place < count)
        cases.own(count)
        cases.start[place].previous = steps
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
