import Customers
import Ensemble
import Events
import Features

/// Turns events into predictions: event → state → features → ensemble → payload, one batch at a time.
///
/// `add` updates the customer's state and computes the feature row; `score` runs the models over all rows of the batch and
/// encodes the payloads. The scorer does not know where events come from or predictions go. A prediction does not depend
/// on where batches begin and end. A scorer belongs to one thread.
public struct Scorer {
    /// The prediction of one event. Its bytes are valid until the closure that receives it returns.
    public struct Prediction {
        /// The tag that `add` was called with.
        public let tag: Int
        /// The event's place in its message.
        public let line: Int
        /// The customer's identifier.
        public let customerID: UnsafeRawBufferPointer
        /// The payload to publish, in JSON or Avro.
        public let payload: UnsafeRawBufferPointer
        /// The row that was scored: 32-bit floats in the order of `FeatureSchema`.
        public let features: UnsafeRawBufferPointer
        /// The probabilities of all models.
        public let scores: Scores
        /// Event time, milliseconds.
        public let time: Int64
        /// The clock of the customer's state, milliseconds: the instant that the features are of and the horizon starts at. Where the
        /// prediction is scheduled, `time` is that instant, and this the customer's clock before it.
        public let clock: Int64
        /// `contentHash` of the customer's identifier.
        public let customerHash: UInt64
        /// `contentHash` of the invoice number.
        public let invoiceHash: UInt64
        /// `contentHash` of the customer's country; 0 where it is not known.
        public let countryHash: UInt64
        /// Whether the event is a purchase.
        public let isPurchase: Bool
        /// Whether the customer's event before was of another invoice, or there was none.
        public let startsInvoice: Bool
        /// Whether it is of an instant of the schedule, and of no event; `time` is that instant then.
        public let isScheduled: Bool
        /// The model that made it: 0 is the scorer's own, others are those beside it, in their order.
        package let member: Int
        /// Whether it is for comparison only, and another model's prediction is served.
        package let isShadow: Bool
    }

    fileprivate struct Pending {
        let tag: Int
        let line: Int
        let time: Int64
        let clock: Int64
        let customerHash: UInt64
        let invoiceHash: UInt64
        let countryHash: UInt64
        let isPurchase: Bool
        let startsInvoice: Bool
        /// Where the bytes of both identifiers start in `identifiers`.
        let start: Int
        let customerIDCount: Int
        let invoiceNoCount: Int
        let isStateComplete: Bool
        var isScheduled = false
    }

    /// The models that score, with their manifest.
    package let artifact: ModelArtifact
    private let extractor: FeatureExtractor
    private let encoder: PayloadEncoder
    private var pending: [Pending] = []
    private var identifiers: [UInt8] = []
    private var matrix = FeatureMatrix()
    private var scores: [Scores] = []
    private var workspace: Ensemble.Workspace
    private let explanations: Explanations?
    private let payload = PayloadMemory()
    private let companions: [Companion]
    /// The models that score beside its own.
    package let companionModels: [CompanionModel]
    /// Whether predictions of challengers have payloads.
    private let writesChallengers: Bool

    /// A scorer whose predictions have no explanations.
    package init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(),
        beside companions: [CompanionModel] = []
    ) {
        self.init(
            artifact, thresholds, explainers: companions.map { _ in nil }, explainer: nil, features: 0, avroSchema: nil,
            companions, writesChallengers: false)
    }

    /// A scorer whose predictions are explained.
    /// - Parameters:
    ///   - explainedFeatures: how many features each prediction names, the ones with the largest contributions to the served
    ///     model's log-odds; 0 for no explanations.
    ///   - avroSchema: the number in a registry of the schema that payloads are written by; `nil` for JSON.
    ///   - companions: models that score the same rows; the first one that serves a customer does so in place of the artifact.
    ///   - writesChallengers: whether predictions of those that do not serve have payloads.
    /// - Throws: `ArtifactError` if explanations are wanted and a model's do not support them.
    package init(
        artifact: ModelArtifact, thresholds: PriorityThresholds = PriorityThresholds(), explainedFeatures: Int,
        avroSchema: UInt32? = nil, beside companions: [CompanionModel] = [], writesChallengers: Bool = false
    ) throws(ArtifactError) {
        var explainers: [Explainer?] = []
        for companion in companions {
            explainers.append(explainedFeatures > 0 ? try Explainer(companion.artifact) : nil)
        }
        self.init(
            artifact, thresholds, explainers: explainers,
            explainer: explainedFeatures > 0 ? try Explainer(artifact) : nil, features: explainedFeatures,
            avroSchema: avroSchema, companions, writesChallengers: writesChallengers)
    }

    private init(
        _ artifact: ModelArtifact, _ thresholds: PriorityThresholds, explainers: [Explainer?], explainer: Explainer?,
        features: Int, avroSchema: UInt32?, _ companions: [CompanionModel], writesChallengers: Bool
    ) {
        self.artifact = artifact
        explanations = explainer.map { Explanations($0) }
        workspace = Ensemble.Workspace(for: artifact.ensemble)
        extractor = artifact.makeExtractor()
        encoder = PayloadEncoder(artifact, thresholds, explainer, features: features, avroSchema: avroSchema)
        companionModels = companions
        self.companions = zip(companions, explainers).map { companion, explainer in
            Companion(
                companion, of: artifact,
                encoder: PayloadEncoder(
                    companion.artifact, thresholds, explainer, features: features, avroSchema: avroSchema),
                explanations: explainer.map { Explanations($0) })
        }
        self.writesChallengers = writesChallengers
    }

    /// Events added and not yet scored.
    package var pendingCount: Int { pending.count }

    /// Updates the state of the event's customer and adds the feature row to the batch.
    /// - Parameters:
    ///   - tag: identifies the event to the caller; its prediction has the same tag.
    ///   - line: the event's place in its message.
    ///   - updatesState: false for an event that the state includes already; the state is then scored without an update.
    ///   - completeFrom: a customer whose first event is earlier may lack events, and the prediction says so; milliseconds.
    /// - Precondition: the event is not anonymous.
    public mutating func add(
        _ event: CustomerEvent, tag: Int, line: Int = 0, to table: inout CustomerTable, updatesState: Bool = true,
        completeFrom: Int64 = .min
    ) {
        var (clock, startsInvoice, firstEventTime) = (event.time, false, event.time)
        var countryHash = event.countryHash
        if updatesState {
            let customer = table.update(event)
            table.withState(at: customer) { state in
                clock = state.pointee.clock
                startsInvoice = state.pointee.basket.events == 1
                firstEventTime = state.pointee.lifetime.firstEventTime
                countryHash = state.pointee.lifetime.countryHash
                extractor.append(state, to: &matrix)
            }
        } else if let customer = table.index(of: event.customerID, hash: event.customerHash, at: event.time) {
            table.withState(at: customer) { state in
                clock = state.pointee.clock
                firstEventTime = state.pointee.lifetime.firstEventTime
                countryHash = state.pointee.lifetime.countryHash
                extractor.append(state, to: &matrix)
            }
        } else {
            var passing = CustomerState(firstEvent: event)
            passing.update(event)
            extractor.append(passing, to: &matrix)
        }
        pending.append(
            Pending(
                tag: tag, line: line, time: event.time, clock: clock, customerHash: event.customerHash,
                invoiceHash: event.invoiceHash, countryHash: countryHash,
                isPurchase: event.isPurchase, startsInvoice: startsInvoice, start: identifiers.count,
                customerIDCount: event.customerID.count,
                invoiceNoCount: event.invoiceNo.count, isStateComplete: firstEventTime >= completeFrom))
        identifiers.append(contentsOf: event.customerID)
        identifiers.append(contentsOf: event.invoiceNo)
    }

    /// Adds a customer as of an instant behind their latest event, if they have bought before it.
    /// - Parameters:
    ///   - index: the customer's in `table.states`.
    ///   - instant: milliseconds of event time, not before the customer's clock.
    ///   - tag: its prediction has the same tag.
    ///   - completeFrom: see `add(_:tag:line:to:updatesState:completeFrom:)`.
    /// - Returns: whether the customer was added.
    /// - Complexity: O(size of the state), which is copied.
    package mutating func addScheduled(
        _ index: Int, of table: CustomerTable, at instant: Int64, tag: Int, completeFrom: Int64 = .min
    ) -> Bool {
        let found: (firstEventTime: Int64, clock: Int64, countryHash: UInt64)? = table.withState(at: index) { state in
            guard let first = state.pointee.lifetime.firstPurchaseTime, first < instant else { return nil }
            extractor.append(state.pointee.advanced(to: instant), to: &matrix)
            return (state.pointee.lifetime.firstEventTime, state.pointee.clock, state.pointee.lifetime.countryHash)
        }
        guard let found else { return false }
        let start = identifiers.count
        table.withIdentifier(at: index) { identifiers.append(contentsOf: $0) }
        pending.append(
            Pending(
                tag: tag, line: 0, time: instant, clock: found.clock, customerHash: table.customerHash(at: index),
                invoiceHash: 0, countryHash: found.countryHash, isPurchase: false, startsInvoice: false, start: start,
                customerIDCount: identifiers.count - start, invoiceNoCount: 0,
                isStateComplete: found.firstEventTime >= completeFrom, isScheduled: true))
        return true
    }

    /// Drops the events that were added and not yet scored, for a caller who cannot go on to `score` and will add them again.
    /// Their customers' states stay as `add` has updated them.
    package mutating func removePending() {
        pending.removeAll(keepingCapacity: true)
        identifiers.removeAll(keepingCapacity: true)
        matrix.removeAll()
    }

    /// Scores all events added since the last call together, and calls the body with each prediction in their order: first that
    /// which is served, then those of the other models, in theirs.
    ///
    /// The batch is empty afterwards, also if the body throws.
    public mutating func score(_ body: (Prediction) throws -> Void) rethrows {
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        for companion in companions { companion.score(matrix) { pending[$0].countryHash } }
        defer { removePending() }
        // Chosen once: an encoder is too large to be copied out of the choice for every row.
        switch encoder {
        case .json(let encoder): try encode(by: encoder, body)
        case .avro(let encoder): try encode(by: encoder, body)
        }
    }

    /// What is known of a row's event.
    private struct PendingRow {
        let row: Int
        let entry: Pending
        let customerID: UnsafeRawBufferPointer
        let invoiceNo: UnsafeRawBufferPointer
    }

    private func encode(by encoder: some PayloadWriter, _ body: (Prediction) throws -> Void) rethrows {
        // Copied once: read through self, each would be retained for every row.
        let (explanations, scores, companions, matrix) = (explanations, scores, companions, matrix)
        try identifiers.withUnsafeBytes { identifiers in
            for (row, entry) in pending.enumerated() {
                let start = identifiers.baseAddress.map { $0 + entry.start }
                let row = PendingRow(
                    row: row, entry: entry,
                    customerID: UnsafeRawBufferPointer(start: start, count: entry.customerIDCount),
                    invoiceNo: UnsafeRawBufferPointer(
                        start: start.map { $0 + entry.customerIDCount }, count: entry.invoiceNoCount))
                if companions.isEmpty {
                    try write(row, by: encoder, explanations, matrix, scores[row.row], body)
                    continue
                }
                let server = companions.firstIndex { $0.serves(entry.customerHash) }
                if server == nil { try write(row, by: encoder, explanations, matrix, scores[row.row], body) }
                if let server { try write(row, by: companions[server], member: server + 1, isShadow: false, body) }
                if server != nil {
                    try withShadow(row, matrix, scores[row.row], member: 0, body)
                }
                for (place, companion) in companions.enumerated() where place != server {
                    if writesChallengers, companion.servedShare == 0 {
                        try write(row, by: companion, member: place + 1, isShadow: true, body)
                    } else {
                        try withShadow(
                            row, companion.matrix(of: matrix), companion.scores[row.row], member: place + 1, body)
                    }
                }
            }
        }
    }

    /// A prediction that nobody reads.
    private func withShadow(
        _ row: PendingRow, _ matrix: FeatureMatrix, _ scores: Scores, member: Int, _ body: (Prediction) throws -> Void
    ) rethrows {
        try matrix.withRow(row.row) { features in
            try body(
                Prediction(
                    row.entry, row.customerID, payload: UnsafeRawBufferPointer(start: nil, count: 0),
                    features: features, scores, member: member, isShadow: true))
        }
    }

    private func write(
        _ row: PendingRow, by companion: Companion, member: Int, isShadow: Bool, _ body: (Prediction) throws -> Void
    ) rethrows {
        let (rows, scores) = (companion.matrix(of: matrix), companion.scores[row.row])
        switch companion.encoder {
        case .json(let encoder):
            try write(row, by: encoder, companion.explanations, rows, scores, member: member, isShadow: isShadow, body)
        case .avro(let encoder):
            try write(row, by: encoder, companion.explanations, rows, scores, member: member, isShadow: isShadow, body)
        }
    }

    @inline(__always)
    private func write(
        _ row: PendingRow, by encoder: some PayloadWriter, _ explanations: Explanations?, _ matrix: FeatureMatrix,
        _ scores: Scores, member: Int = 0, isShadow: Bool = false, _ body: (Prediction) throws -> Void
    ) rethrows {
        let entry = row.entry
        let out = payload.reserve(
            encoder.room(customerIDCount: entry.customerIDCount, invoiceNoCount: entry.invoiceNoCount))
        // Beside others a model does not explain every row.
        let contributions =
            companions.isEmpty
            ? explanations?.contributions(row: row.row, of: matrix)
            : explanations?.contributions(onlyOf: row.row, of: matrix)
        try matrix.withRow(row.row) { features in
            let values = features.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Float.self)
            let end = encoder.write(
                customerID: row.customerID, invoiceNo: entry.isScheduled ? nil : row.invoiceNo, time: entry.time,
                scores: scores, isStateComplete: entry.isStateComplete,
                explained: contributions.map { (values, $0) }, to: out)
            try body(
                Prediction(
                    entry, row.customerID, payload: UnsafeRawBufferPointer(start: out, count: end - out),
                    features: features, scores, member: member, isShadow: isShadow))
        }
    }
}

extension Scorer.Prediction {
    @inline(__always)
    fileprivate init(
        _ entry: Scorer.Pending, _ customerID: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer,
        features: UnsafeRawBufferPointer, _ scores: Scores, member: Int, isShadow: Bool
    ) {
        tag = entry.tag
        line = entry.line
        self.customerID = customerID
        self.payload = payload
        self.features = features
        self.scores = scores
        time = entry.time
        clock = entry.clock
        customerHash = entry.customerHash
        invoiceHash = entry.invoiceHash
        countryHash = entry.countryHash
        isPurchase = entry.isPurchase
        startsInvoice = entry.startsInvoice
        isScheduled = entry.isScheduled
        self.member = member
        self.isShadow = isShadow
    }
}

/// Memory for one payload, reused for the next and as large as the largest.
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
