import Customers
import Ensemble
import Events
import Features
import Scoring

@testable import Monitoring
@testable import Worker

/// What a worker's stream does with events, without Kafka, and what the control plane sees of it.
struct TestStream {
    let artifact: ModelArtifact
    /// By customer of the assigned partitions, in order: events as messages, and the payloads that would be published.
    private(set) var messages: [String: [[UInt8]]] = [:]
    private(set) var payloads: [String: [String]] = [:]
    /// The latest prediction of each customer: partition, probability and event time.
    private(set) var latest: [String: (Int32, Double, Int64)] = [:]
    /// By partition.
    private(set) var tables = [CustomerTable(), CustomerTable()]
    private(set) var labelJoins = [
        LabelJoin(horizon: .standard, windowDays: 90, limit: 1 << 16),
        LabelJoin(horizon: .standard, windowDays: 90, limit: 1 << 16),
    ]
    private(set) var endToEnd = Histogram()
    private(set) var scores = [Int](repeating: 0, count: 20)
    private(set) var bought = 0
    private(set) var notBought = 0
    /// How many events have been scored.
    private(set) var offset: Int64 = 0

    private let decoder = EventDecoder()
    private var scorer: Scorer
    private var batch = LabelJoin.Batch()
    private var rows = FeatureMatrix()
    private var owners: [Int32] = []
    private var probabilities: [Double] = []
    private var recent = RecentRows(rows: 500)

    init(artifact: ModelArtifact) {
        self.artifact = artifact
        scorer = Scorer(artifact: artifact)
        for place in labelJoins.indices {
            labelJoins[place].use(
                .init(
                    version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
                    models: artifact.ensemble.models))
        }
    }

    /// Takes all events of a shop.
    mutating func take(_ shop: ShopGenerator) throws {
        let encoder = EventEncoder()
        while let fields = shop.nextFields() {
            var message: [UInt8] = []
            encoder.append(fields, to: &message)
            try message.withUnsafeBytes { try take($0) }
        }
    }

    private mutating func take(_ message: UnsafeRawBufferPointer) throws {
        let event = try decoder.event(in: message)
        let partition = TestWorker.partition(of: event.customerHash)
        guard !event.isAnonymous, partition < 2 else { return }
        let customerID = String(decoding: event.customerID, as: UTF8.self)
        scorer.add(event, tag: 0, to: &tables[partition])
        // One event gives one prediction. It is copied out, because the scorer is in use while it is lent.
        var copy: (payload: String, features: [Float], scores: Scores, clock: Int64)?
        scorer.score { prediction in
            recent.append(prediction)
            copy = (
                String(decoding: prediction.payload, as: UTF8.self),
                Array(prediction.features.bindMemory(to: Float.self)), prediction.scores, prediction.clock
            )
        }
        if let copy {
            let served = copy.scores[artifact.manifest.servingModel]
            payloads[customerID, default: []].append(copy.payload)
            latest[customerID] = (Int32(partition), served, event.time)
            scores[min(Int(served * 20), 19)] += 1
            endToEnd.record(0.01 + Double(offset % 50) / 1000)
            rows.append(row: copy.features[...])
            owners.append(Int32(truncatingIfNeeded: event.customerHash & 0x7FFF_FFFF))
            probabilities.append(served)
            label(event, copy.scores, clock: copy.clock, partition)
        }
        messages[customerID, default: []].append(Array(message))
        offset += 1
    }

    private mutating func label(_ event: CustomerEvent, _ scores: Scores, clock: Int64, _ partition: Int) {
        labelJoins[partition].begin(&batch)
        batch.append(
            LabelJoin.Event(
                customerHash: event.customerHash, invoiceHash: event.invoiceHash, time: event.time, clock: clock,
                isPurchase: event.isPurchase, scores: scores, offset: offset))
        var (bought, notBought) = (0, 0)
        labelJoins[partition].join(batch) { isBought, _, _ in
            if isBought { bought += 1 } else { notBought += 1 }
        }
        self.bought += bought
        self.notBought += notBought
    }

    /// Rows of the latest predictions.
    var recentRows: RecentRows.Snapshot { recent.snapshot }

    /// The drift window's picture of all predictions.
    var driftSnapshot: DriftWindow.Snapshot {
        var window = DriftWindow(
            reference: ReferenceDistributions(
                rows, of: FeatureSchema(.standard), customers: owners, probabilities: probabilities), rows: 4096)
        for row in 0..<rows.rowCount {
            rows.withRow(row) {
                window.observe(
                    startsInvoice: true, features: $0, probability: probabilities[row],
                    customerHash: UInt64(owners[row]), time: Int64(row))
            }
        }
        return window.takeSnapshot()
    }
}
