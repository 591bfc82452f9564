import Customers
import Ensemble
import Events
import Features

/// The straight line: event → state → features → ensemble → prediction, for one batch at a time.
///
/// A topic, a file or a test drives it; it knows nothing of where events come from or predictions go. What it makes of
/// an event does not depend on where batches begin and end. Owned by one thread.
public struct Scorer {
    /// One scored event's prediction, as bytes ready to publish. Valid until the scorer is used again.
    public struct Prediction {
        /// What `add` was told the event is: its place in the batch.
        public let tag: Int
        public let customerID: UnsafeRawBufferPointer
        public let payload: UnsafeRawBufferPointer
        /// The row that was scored.
        public let features: UnsafeRawBufferPointer
        public let scores: Scores
        public let time: Int64
        /// The latest event time of the customer: the instant that the row, and a label, is of.
        public let clock: Int64
        public let customerHash: UInt64
        public let invoiceHash: UInt64
        public let isPurchase: Bool
        /// Whether the customer's event before was of another invoice, or there was none.
        public let startsInvoice: Bool
    }

    private struct Pending {
        let tag: Int
        let time: Int64
        let clock: Int64
        let customerHash: UInt64
        let invoiceHash: UInt64
        let isPurchase: Bool
        let startsInvoice: Bool
        /// Where the identifiers' bytes begin in `identifiers`, and how long each is.
        let start: Int
        let customerIDCount: Int
        let invoiceNoCount: Int
        let isStateComplete: Bool
    }

    package let artifact: ModelArtifact
    private let extractor: FeatureExtractor
    private let encoder: PredictionEncoder
    private var pending: [Pending] = []
    private var identifiers: [UInt8] = []
    private var matrix = FeatureMatrix()
    private var scores: [Scores] = []
    private var workspace: Ensemble.Workspace
    private let explanations: Explanations?
    private let payload = PayloadMemory()

    package init(artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds()) {
        self.init(artifact: artifact, thresholds: thresholds, explainer: nil, features: 0)
    }

    /// A scorer whose predictions say why.
    /// - Parameter explainedFeatures: how many features each prediction names, those that moved the served model's log-odds
    ///   most; 0 for none.
    /// - Throws: `ArtifactError` if the artifact's models cannot be explained and are to be.
    package init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(), explainedFeatures: Int
    ) throws(ArtifactError) {
        self.init(
            artifact: artifact, thresholds: thresholds,
            explainer: explainedFeatures > 0 ? try Explainer(artifact) : nil, features: explainedFeatures)
    }

    private init(
        artifact: ModelArtifact, thresholds: PriorityThresholds, explainer: Explainer?, features: Int
    ) {
        self.artifact = artifact
        explanations = explainer.map { Explanations($0) }
        workspace = Ensemble.Workspace(for: artifact.ensemble)
        extractor = FeatureExtractor(encoding: artifact.categoryEncoding)
        encoder = PredictionEncoder(
            manifest: artifact.manifest, thresholds: thresholds,
            explanation: explainer.map { ExplanationEncoder($0, count: features) })
    }

    /// Events added and not yet scored.
    public var pendingCount: Int { pending.count }

    /// Takes an event into its customer's state and keeps the feature row for scoring.
    /// - Parameters:
    ///   - tag: anything by which the caller will know the event again.
    ///   - isCounted: false for an event that the state holds already; it is scored as the customer stands.
    ///   - isStateComplete: false when events are known to be missing from the state; the prediction says so.
    /// - Precondition: the event is not anonymous.
    public mutating func add(
        _ event: CustomerEvent, tag: Int, to table: inout CustomerTable, isCounted: Bool = true,
        isStateComplete: Bool = true
    ) {
        var (clock, startsInvoice) = (event.time, false)
        if isCounted {
            let customer = table.update(event)
            table.withState(at: customer) { state in
                clock = state.pointee.clock
                startsInvoice = state.pointee.basket.events == 1
                extractor.append(state, to: &matrix)
            }
        } else if let customer = table.index(of: event.customerID, hash: event.customerHash, at: event.time) {
            table.withState(at: customer) { state in
                clock = state.pointee.clock
                extractor.append(state, to: &matrix)
            }
        } else {
            var passing = CustomerState(firstEvent: event)
            passing.update(event)
            extractor.append(passing, to: &matrix)
        }
        pending.append(
            Pending(
                tag: tag, time: event.time, clock: clock, customerHash: event.customerHash,
                invoiceHash: event.invoiceHash,
                isPurchase: event.isPurchase, startsInvoice: startsInvoice, start: identifiers.count,
                customerIDCount: event.customerID.count,
                invoiceNoCount: event.invoiceNo.count, isStateComplete: isStateComplete))
        identifiers.append(contentsOf: event.customerID)
        identifiers.append(contentsOf: event.invoiceNo)
    }

    /// Drops the events that were added and not yet scored, for a caller who cannot go on to `score` and will add them again.
    /// Their customers' states stay as `add` has updated them.
    public mutating func removePending() {
        pending.removeAll(keepingCapacity: true)
        identifiers.removeAll(keepingCapacity: true)
        matrix.removeAll()
    }

    /// Scores what was added since the last call, all rows together, and hands over each prediction in order.
    public mutating func score(_ body: (Prediction) throws -> Void) rethrows {
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        defer { removePending() }
        // Held once: read through self, each would be copied for every row.
        let (encoder, explanations, payload, scores) = (encoder, explanations, payload, scores)
        try identifiers.withUnsafeBytes { identifiers in
            for (row, entry) in pending.enumerated() {
                let start = identifiers.baseAddress.map { $0 + entry.start }
                let customerID = UnsafeRawBufferPointer(start: start, count: entry.customerIDCount)
                let invoiceNo = UnsafeRawBufferPointer(
                    start: start.map { $0 + entry.customerIDCount }, count: entry.invoiceNoCount)
                let out = payload.reserve(
                    encoder.room(customerIDCount: entry.customerIDCount, invoiceNoCount: entry.invoiceNoCount))
                let contributions = explanations?.contributions(row: row, of: matrix)
                try matrix.withRow(row) { features in
                    let values = features.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Float.self)
                    let end = encoder.write(
                        customerID: customerID, invoiceNo: invoiceNo, time: entry.time, scores: scores[row],
                        isStateComplete: entry.isStateComplete, explained: contributions.map { (values, $0) }, to: out)
                    try body(
                        Prediction(
                            tag: entry.tag, customerID: customerID,
                            payload: UnsafeRawBufferPointer(start: out, count: end - out), features: features,
                            scores: scores[row], time: entry.time, clock: entry.clock,
                            customerHash: entry.customerHash,
                            invoiceHash: entry.invoiceHash, isPurchase: entry.isPurchase,
                            startsInvoice: entry.startsInvoice))
                }
            }
        }
    }
}

/// Memory for one payload, which grows to the largest.
private final class PayloadMemory {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity = 4096

    init() { bytes = .allocate(capacity: capacity) }

    deinit { bytes.deallocate() }

    func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if count > capacity {
            bytes.deallocate()
            capacity = count
            bytes = .allocate(capacity: count)
        }
        return bytes
    }
}
