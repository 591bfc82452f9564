import Customers
import Ensemble
import Events
import Features
import Monitoring
import Scoring

/// Takes messages through each stage of scoring by itself, and adds up the seconds that each takes.
struct StageTimes: ~Copyable {
    private(set) var decode = 0.0
    private(set) var state = 0.0
    private(set) var features = 0.0
    private(set) var ensemble = 0.0
    private(set) var encode = 0.0
    private(set) var grading = 0.0

    private let artifact: ModelArtifact
    private let decoder = EventDecoder()
    private let extractor: FeatureExtractor
    private let encoder: PredictionEncoder
    private var workspace: Ensemble.Workspace
    private var table = CustomerTable()
    private var plainTable = CustomerTable()
    private var matrix = FeatureMatrix()
    private var events: [CustomerEvent] = []
    private var scores: [Scores] = []
    private var labelJoin: LabelJoin
    private var joined = LabelJoin.Batch()
    private let payload: UnsafeMutablePointer<UInt8>
    /// Uses all results, so that the compiler cannot remove the work.
    private var sum: UInt64 = 0

    /// - Parameter messages: How many messages there will be.
    init(_ artifact: ModelArtifact, messages: Int) {
        self.artifact = artifact
        extractor = FeatureExtractor(encoding: artifact.categoryEncoding)
        encoder = PredictionEncoder(manifest: artifact.manifest, thresholds: PriorityThresholds())
        workspace = Ensemble.Workspace(for: artifact.ensemble)
        labelJoin = LabelJoin(windowDays: 90, limit: messages)
        labelJoin.use(
            LabelJoin.Version(
                version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
                models: artifact.ensemble.models))
        let longest = CustomerEvent.identifierLimit
        payload = .allocate(capacity: encoder.room(customerIDCount: longest, invoiceNoCount: longest))
    }

    deinit { payload.deallocate() }

    /// Takes a batch through all stages, one stage after the other.
    mutating func measure(_ batch: [UnsafeRawBufferPointer]) throws {
        // Texts with escapes are valid until the next message only; those few events are left out.
        events.removeAll(keepingCapacity: true)
        let decoding = try seconds {
            for message in batch { events.append(try decoder.decode(message)) }
        }
        decode += decoding
        events.removeAll(where: \.isAnonymous)
        measureStateAndFeatures()
        let scoring = seconds { artifact.ensemble.score(matrix, into: &scores, workspace: &workspace) }
        ensemble += scoring
        var written: UInt64 = 0
        let encoding = seconds {
            for (row, event) in events.enumerated() {
                let end = encoder.write(
                    customerID: event.customerID, invoiceNo: event.invoiceNo, time: event.time, scores: scores[row],
                    isStateComplete: true, to: payload)
                written &+= UInt64(end - payload)
            }
        }
        encode += encoding
        sum &+= written
        measureGrading()
        precondition(sum != 1)
    }

    /// Updates the state alone, in a table of its own, and then with features: the difference is what features cost.
    private mutating func measureStateAndFeatures() {
        let events = events
        let alone = seconds {
            for turn in events.indices {
                plainTable.lookAhead(from: turn, count: events.count) { events[$0] }
                plainTable.update(events[turn])
            }
        }
        matrix.removeAll()
        let both = seconds {
            for turn in events.indices {
                table.lookAhead(from: turn, count: events.count) { events[$0] }
                let customer = table.update(events[turn])
                table.withState(at: customer) { extractor.append($0, to: &matrix) }
            }
        }
        state += alone
        features += both - alone
    }

    private mutating func measureGrading() {
        let taken = labelJoin.nextOffset
        var decided: UInt64 = 0
        let labeling = seconds {
            labelJoin.begin(&joined)
            for (row, event) in events.enumerated() {
                joined.append(
                    LabelJoin.Event(
                        customerHash: event.customerHash, invoiceHash: event.invoiceHash, time: event.time,
                        clock: event.time, isPurchase: event.isPurchase, scores: scores[row],
                        offset: taken + Int64(row)))
            }
            labelJoin.join(joined) { isBought, _, _ in decided &+= isBought ? 1 : 2 }
        }
        grading += labeling
        sum &+= decided
    }
}
