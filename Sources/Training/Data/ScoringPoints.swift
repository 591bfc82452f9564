import Customers
import Events
import Features

/// Scoring points with their feature rows and labels, as the second walk over a history makes them.
///
/// Points stand in order of time, then of customer: however the events of different customers were interleaved.
package struct ScoringPoints: Sendable {
    package struct Point: Sendable {
        package enum Kind: Equatable, Sendable {
            /// An event; the last of its invoice or not.
            case event(isLastOfInvoice: Bool)
            /// A customer at a cut-off, in no invoice.
            case snapshot
        }

        package let kind: Kind
        package let customer: Int32
        /// t, milliseconds.
        package let time: Int64
        package let label: Bool
        /// Events of the invoice so far, this one included; 0 in a snapshot.
        package let positionInInvoice: Int32
        /// The customer's country then; 0 for none.
        fileprivate let countryHash: UInt64
        /// Where its features stand.
        fileprivate(set) var row: Int32
    }

    package private(set) var points: [Point] = []
    private var matrix = FeatureMatrix()
    /// Snapshots at a cut-off are taken when the stream has come this far beyond it, or with the customer's next event:
    /// until then an event may still come late.
    private static let patience = 30 * EventTime.millisecondsPerDay

    /// Walks the history through the state and features that serve, and keeps the points with known labels.
    /// - Parameters:
    ///   - isUsable: whether points of an instant are wanted.
    ///   - snapshots: cut-offs, ascending.
    ///   - observe: sees every scored event's feature row, in order; for tests of equality with serving.
    package init(
        _ history: History, survey: HistorySurvey, snapshots: [Int64], encoding: CategoryEncoding, timeToLiveDays: Int,
        isUsable: (Int64) -> Bool, observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil,
        progress: (History.Reader, Int) -> Void
    ) throws {
        let extractor = FeatureExtractor(encoding: encoding)
        var customers = [Progress](repeating: Progress(), count: survey.customers.count)
        var read = 0
        for stream in history.streams.indices {
            var table = CustomerTable(timeToLiveDays: timeToLiveDays)
            // A customer nearly forgotten by then is in no snapshot: whether they still are in memory must not matter.
            let longestIdle = Int64(timeToLiveDays) * EventTime.millisecondsPerDay - Self.patience
            var (row, taken) = (FeatureMatrix(), 0)
            func snapshot(_ customer: Int, _ index: Int, before time: Int64, _ points: inout ScoringPoints) {
                while customers[customer].snapshots < snapshots.count {
                    let cutOff = snapshots[customers[customer].snapshots]
                    if cutOff >= time { return }
                    customers[customer].snapshots += 1
                    let state = table.states[index]
                    guard state.clock <= cutOff, cutOff - state.clock <= longestIdle,
                        let first = state.lifetime.firstPurchaseTime, first < cutOff
                    else { continue }
                    let label = survey.purchases.label(customer: customer, at: cutOff, invoiceHash: nil)
                    let country = state.lifetime.countryHash
                    points.append(.snapshot, customer, cutOff, label: label, position: 0, country: country)
                    extractor.append(state.advanced(to: cutOff), to: &points.matrix)
                }
            }
            func snapshotAll(before time: Int64, _ points: inout ScoringPoints) {
                for index in table.states.indices {
                    guard let customer = survey.customers[table.customerHash(at: index)] else { continue }
                    snapshot(customer, index, before: time, &points)
                }
            }
            let reader = try history.open(stream: stream)
            while let event = try reader.next() {
                read += 1
                if read % 8192 == 0 { progress(reader, read) }
                if event.isAnonymous { continue }
                guard let customer = survey.customers[event.customerHash] else { throw Self.changed(history) }
                while taken < snapshots.count, table.clock.time > snapshots[taken] + Self.patience {
                    taken += 1
                    snapshotAll(before: snapshots[taken - 1] + 1, &self)
                }
                if customers[customer].isDue(snapshots, at: event.time) {
                    if let index = table.index(of: event.customerID, hash: event.customerHash, at: 0) {
                        snapshot(customer, index, before: event.time, &self)
                    } else {
                        customers[customer].skip(snapshots, to: event.time)
                    }
                }
                let index = table.update(event)
                let ordinal = customers[customer].events
                customers[customer].events += 1
                table.withState(at: index) { state in
                    let clock = state.pointee.clock
                    if let observe {
                        row.removeAll()
                        extractor.append(state, to: &row)
                        observe(event, row[0])
                    }
                    guard isUsable(clock) else { return }
                    append(
                        .event(isLastOfInvoice: survey.isLastOfInvoice(event, ordinal: ordinal)), customer, clock,
                        label: survey.purchases.label(customer: customer, at: clock, invoiceHash: event.invoiceHash),
                        position: Int32(truncatingIfNeeded: state.pointee.basket.events),
                        country: state.pointee.lifetime.countryHash)
                    extractor.append(state, to: &matrix)
                }
            }
            snapshotAll(before: .max, &self)
            progress(reader, read)
        }
        guard read == survey.events else { throw Self.changed(history) }
        // A customer's points of one instant stay in their order.
        points.sort { ($0.time, $0.customer, $0.row) < ($1.time, $1.customer, $1.row) }
    }

    /// How far a customer has come.
    private struct Progress {
        var events: Int32 = 0
        /// Cut-offs behind them.
        var snapshots = 0

        func isDue(_ cutOffs: [Int64], at time: Int64) -> Bool {
            snapshots < cutOffs.count && cutOffs[snapshots] < time
        }

        mutating func skip(_ cutOffs: [Int64], to time: Int64) {
            while isDue(cutOffs, at: time) { snapshots += 1 }
        }
    }

    /// Appends a point, whose features are to be appended to the matrix next.
    private mutating func append(
        _ kind: Point.Kind, _ customer: Int, _ time: Int64, label: Bool, position: Int32, country: UInt64
    ) {
        points.append(
            Point(
                kind: kind, customer: Int32(customer), time: time, label: label, positionInInvoice: position,
                countryHash: country, row: Int32(matrix.rowCount)))
    }

    private static func changed(_ history: History) -> DataError {
        DataError("\(history.paths[0]): changed while it was read: give a history that stands still")
    }

    /// Points with their labels dealt out anew among them: what is learned from these must be worth nothing.
    func withShuffledLabels(seed: UInt64) -> ScoringPoints {
        var copy = self
        var generator = SplitMix64(seed: seed)
        let labels = points.map(\.label).shuffled(using: &generator)
        copy.points = zip(points, labels).map { point, label in
            Point(
                kind: point.kind, customer: point.customer, time: point.time, label: label,
                positionInInvoice: point.positionInInvoice,
                countryHash: point.countryHash, row: point.row)
        }
        return copy
    }

    /// A point's features.
    package func features(_ index: Int) -> ArraySlice<Float> { matrix[Int(points[index].row)] }

    /// Copies a point's features.
    /// - Precondition: `out` has room for `FeatureSchema.count` of them.
    func copyFeatures(_ index: Int, into out: UnsafeMutableBufferPointer<Float>) {
        matrix.copyRow(Int(points[index].row), into: out)
    }

    /// Rows of the given points, in that order.
    /// - Parameter encoding: those of another artifact, whose rows these are to be.
    package func rows(_ indices: [Int], encoding: CategoryEncoding? = nil) -> FeatureMatrix {
        var selection = FeatureMatrix(reservingRows: indices.count)
        for index in indices {
            var row = features(index)
            if let encoding {
                row[row.startIndex + Feature.country.rawValue] = encoding.countryRank(points[index].countryHash)
            }
            selection.append(row: row)
        }
        return selection
    }
}
