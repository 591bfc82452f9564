import Customers
import Events
import Features

/// Scoring points with their feature rows and labels, as the second walk over a history makes them.
public struct ScoringPoints: Sendable {
    public struct Point: Sendable {
        public enum Kind: Equatable, Sendable {
            /// An event; the last of its invoice or not.
            case event(isLastOfInvoice: Bool)
            /// A customer at a cut-off, in no invoice.
            case snapshot
        }

        public let kind: Kind
        public let customer: Int32
        /// t, milliseconds.
        public let time: Int64
        public let label: Bool
        /// Events of the invoice so far, this one included; 0 in a snapshot.
        public let positionInInvoice: Int32
    }

    public private(set) var points: [Point] = []
    /// One row a point.
    public private(set) var matrix = FeatureMatrix()

    /// Walks the history through the state and features that serve, and keeps the points of both periods.
    /// - Parameter observe: sees every scored event's feature row, in order; for tests of equality with serving.
    public init(
        _ reader: HistoryReader, survey: HistorySurvey, protocol times: EvaluationProtocol, tables: FrozenTables,
        timeToLiveDays: Int,
        observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil, progress: (HistoryReader, Int) -> Void
    ) throws {
        let extractor = FeatureExtractor(tables: tables)
        var table = CustomerTable(timeToLiveDays: timeToLiveDays)
        var snapshots = (times.trainingSnapshots + times.testSnapshots)[...]
        var ordinal = 0
        var read = 0
        var row = FeatureMatrix()
        while let event = try reader.next() {
            while let cutOff = snapshots.first, event.time > cutOff {
                takeSnapshot(at: cutOff, table, survey, extractor)
                snapshots.removeFirst()
            }
            read += 1
            if read % 8192 == 0 { progress(reader, read) }
            if event.isAnonymous { continue }
            defer { ordinal += 1 }
            guard let customer = survey.customers[event.customerHash] else {
                throw TrainingError("\(reader.path): changed while it was read: give a history that stands still")
            }
            let index = table.update(event)
            table.withState(at: index) { state in
                let clock = state.pointee.clock
                let isUsable = times.isTraining(clock) || times.isTest(clock)
                if let observe {
                    row.removeAll()
                    row.appendRow { extractor.extract(state, into: $0) }
                    observe(event, row[0])
                }
                guard isUsable else { return }
                matrix.appendRow { extractor.extract(state, into: $0) }
                points.append(
                    Point(
                        kind: .event(isLastOfInvoice: survey.isLastOfInvoice(event, ordinal: ordinal)),
                        customer: Int32(customer), time: clock,
                        label: survey.purchases.label(customer: customer, at: clock, invoiceHash: event.invoiceHash),
                        positionInInvoice: Int32(truncatingIfNeeded: state.pointee.basket.events)))
            }
        }
        for cutOff in snapshots { takeSnapshot(at: cutOff, table, survey, extractor) }
        progress(reader, read)
        guard read == survey.events else {
            throw TrainingError("\(reader.path): changed while it was read: give a history that stands still")
        }
    }

    private mutating func takeSnapshot(
        at cutOff: Int64, _ table: CustomerTable, _ survey: HistorySurvey, _ extractor: FeatureExtractor
    ) {
        // In the order in which the survey met them: the table's own means nothing.
        let known = table.states.indices.compactMap { index in
            survey.customers[table.customerHash(at: index)].map { (customer: $0, index: index) }
        }
        for (customer, index) in known.sorted(by: { $0.customer < $1.customer }) {
            let state = table.states[index]
            guard let first = state.lifetime.firstPurchaseTime, first < cutOff else { continue }
            matrix.appendRow { extractor.extract(state.advanced(to: cutOff), into: $0) }
            points.append(
                Point(
                    kind: .snapshot, customer: Int32(customer), time: cutOff,
                    label: survey.purchases.label(customer: customer, at: cutOff, invoiceHash: nil),
                    positionInInvoice: 0))
        }
    }

    /// Points with their labels dealt out anew among them: what is learned from these must be worth nothing.
    func withShuffledLabels(seed: UInt64) -> ScoringPoints {
        var copy = self
        var generator = SplitMix64(seed: seed)
        let labels = points.map(\.label).shuffled(using: &generator)
        copy.points = zip(points, labels).map { point, label in
            Point(
                kind: point.kind, customer: point.customer, time: point.time, label: label,
                positionInInvoice: point.positionInInvoice)
        }
        return copy
    }

    /// Rows of the given points, in that order.
    func rows(_ indices: [Int]) -> FeatureMatrix {
        var selection = FeatureMatrix(reservingRows: indices.count)
        for index in indices { selection.append(row: matrix[index]) }
        return selection
    }
}
