import CPrefetch

/// Consecutive predictions in log order; one chunk is one record of a checkpoint.
///
/// A value: its memory is copied when it changes while others hold it. In contrast to an array of arrays, reading an element
/// does not count references, which for random elements costs as much as the read itself.
struct PredictionChunk: Sendable {
    /// Predictions of a full chunk; a power of two.
    static let limit = 1024

    /// Hot part of a prediction: time, invoice and label. It is kept apart because a customer's predictions are walked
    /// again and again, and because the cold part never changes.
    struct Case: BitwiseCopyable, Sendable {
        /// Milliseconds of event time.
        let time: Int64
        let invoiceHash: UInt64
        /// Steps back to the prediction before it in the customer's chain; 0 ends the chain.
        var previous: UInt32
        fileprivate(set) var label: LabeledPrediction.Label

        init(time: Int64, invoiceHash: UInt64, previous: UInt32 = 0, label: LabeledPrediction.Label) {
            self.time = time
            self.invoiceHash = invoiceHash
            self.previous = previous
            self.label = label
        }
    }

    /// Cold part: offset and line, customer, probabilities, model version and parts.
    struct Content: BitwiseCopyable, Sendable {
        let offset: Int64
        let customerHash: UInt64
        let probabilities: InlineArray<5, Double>
        let version: UInt16
        let line: UInt16
        let slices: UInt16
    }

    /// How many predictions there are, and what they sum up to.
    struct Fill: Equatable, Sendable {
        var count = 0
        /// Those whose labels are not known.
        var pending = 0
        var latestTime = Int64.min
    }

    private var cases = OwnedMemory<Case>(capacity: limit)
    private var contents = OwnedMemory<Content>(capacity: limit)
    private(set) var fill = Fill()
    /// Whether the next snapshot must hold the chunk.
    var isChanged = false

    var count: Int { fill.count }
    var pending: Int { fill.pending }
    /// Latest event time, milliseconds.
    var latestTime: Int64 { fill.latestTime }

    subscript(place: Int) -> LabeledPrediction {
        let its = self.case(at: place)
        let content = contents.start[place]
        return LabeledPrediction(
            time: its.time, offset: content.offset, customerHash: content.customerHash, invoiceHash: its.invoiceHash,
            probabilities: content.probabilities, version: content.version, label: its.label, line: content.line,
            slices: content.slices)
    }

    var predictions: some RandomAccessCollection<LabeledPrediction> { (0..<count).lazy.map { self[$0] } }

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
        fill.count += 1
        if new.label.isPending { fill.pending += 1 }
        fill.latestTime = max(latestTime, new.time)
        isChanged = true
    }

    /// Prefetches a prediction's hot part.
    @inline(__always)
    func prefetch(_ place: Int) { cp_prefetch(cases.start + place) }

    /// Sets a pending prediction's label.
    mutating func resolve(_ place: Int, _ label: LabeledPrediction.Label) {
        precondition(place < count)
        cases.own(count)
        cases.start[place].label = label
        fill.pending -= 1
        isChanged = true
    }

    /// - Parameter steps: back to the prediction before it in the customer's chain; 0 ends the chain.
    mutating func link(_ place: Int, back steps: UInt32) {
        precondition(place < count)
        cases.own(count)
        cases.start[place].previous = steps
    }

    /// Takes back `resolve` or `link`.
    mutating func restore(_ place: Int, previous: UInt32, label: LabeledPrediction.Label) {
        precondition(place < count)
        cases.own(count)
        if label.isPending, !cases.start[place].label.isPending { fill.pending += 1 }
        cases.start[place].previous = previous
        cases.start[place].label = label
    }

    /// Takes back `append`.
    /// - Parameter fill: from before it, after everything else has been taken back.
    mutating func truncate(to fill: Fill) { self.fill = fill }
}

extension PredictionChunk.Case {
    init(of prediction: LabeledPrediction) {
        self.init(time: prediction.time, invoiceHash: prediction.invoiceHash, label: prediction.label)
    }
}

extension PredictionChunk.Content {
    init(of prediction: LabeledPrediction) {
        self.init(
            offset: prediction.offset, customerHash: prediction.customerHash, probabilities: prediction.probabilities,
            version: prediction.version, line: prediction.line, slices: prediction.slices)
    }
}
