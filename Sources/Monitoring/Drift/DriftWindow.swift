import Ensemble
import Features

/// The latest rows that were scored, binned like the reference. Owned by one thread.
///
/// A row is sampled when an invoice begins, but at most every sixteenth event, because rows of one invoice are nearly the
/// same. Binning a row costs as much as scoring it. Rows are therefore stored as they are and only binned when a snapshot
/// is taken; most rows of a fast stream are overwritten before that.
public struct DriftWindow: Sendable {
    /// Fewest events from one sampled row to the next.
    @inlinable static var samplingInterval: Int { 16 }
    /// Values of a row: the features and the score.
    private static let width = FeatureSchema.count + 1
    /// Bins of a distribution: up to ten for values, and one for missing values.
    static let bins = ReferenceDistributions.edgeLimit + 2
    private static let missing = UInt8(bins - 1)
    /// Places for a distribution's edges.
    private static let edgeRoom = 12
    /// Flag of a binned value that the training data did not reach.
    private static let outOfRange: UInt8 = 0x40

    private let reference: ReferenceDistributions
    /// For each feature and the score, `edgeRoom` edges. Unused ones are infinite.
    private let edges: [Float]
    /// For each of them, the last bin for values.
    private let lastBins: [UInt8]
    /// Least and greatest value.
    private let bounds: [(least: Float, greatest: Float)]
    private let capacity: Int
    /// A ring of rows.
    private var values: [Float]
    /// The rows' bins, with `outOfRange`.
    private var binned: [UInt8]
    /// How many of the latest rows have not been binned yet.
    private var unbinned = 0
    private var customers: [UInt64]
    private var times: [Int64]
    private var rows = 0
    /// The row that is written next.
    private var next = 0
    /// Binned rows by place and bin.
    private var counts = [Int](repeating: 0, count: width * bins)
    /// Binned rows by place that are out of range.
    private var beyond = [Int](repeating: 0, count: width)
    @usableFromInline var sinceLast = samplingInterval

    /// - Parameters:
    ///   - reference: whose bins are used.
    ///   - capacity: rows that the window holds.
    package init(reference: ReferenceDistributions, rows capacity: Int) {
        self.reference = reference
        self.capacity = capacity
        let all = reference.features + [reference.score]
        edges = all.flatMap { distribution in
            distribution.edges + repeatElement(.infinity, count: Self.edgeRoom - distribution.edges.count)
        }
        lastBins = all.map { UInt8($0.edges.count) }
        bounds = all.map { ($0.least ?? .infinity, $0.greatest ?? -.infinity) }
        values = [Float](repeating: 0, count: capacity * Self.width)
        binned = [UInt8](repeating: 0, count: capacity * Self.width)
        customers = [UInt64](repeating: 0, count: capacity)
        times = [Int64](repeating: 0, count: capacity)
    }

    /// Call for every scored event; most are skipped.
    /// - Parameters:
    ///   - startsInvoice: whether the event is the first of its invoice.
    ///   - features: the scored row, 32-bit floats in schema order.
    ///   - probability: of the served model.
    ///   - time: of the event, milliseconds.
    /// - Complexity: O(1), or O(features) for a sampled event.
    @inlinable
    @inline(__always)
    public mutating func observe(
        startsInvoice: Bool, features: UnsafeRawBufferPointer, probability: Double, customerHash: UInt64, time: Int64
    ) {
        sinceLast &+= 1
        if startsInvoice, sinceLast >= Self.samplingInterval {
            sample(features, Float(probability), customerHash, time)
        }
    }

    @usableFromInline
    mutating func sample(
        _ features: UnsafeRawBufferPointer, _ probability: Float, _ customerHash: UInt64, _ time: Int64
    ) {
        sinceLast = 0
        if rows < capacity {
            rows += 1
        } else if unbinned < capacity {
            forget(next)
        }
        unbinned = min(unbinned + 1, capacity)
        customers[next] = customerHash
        times[next] = time
        let start = next * Self.width
        values.withUnsafeMutableBytes { values in
            UnsafeMutableRawBufferPointer(rebasing: values[(start * 4)...]).copyMemory(from: features)
        }
        values[start + FeatureSchema.count] = probability
        next = next + 1 == capacity ? 0 : next + 1
    }

    private mutating func bin(_ row: Int) {
        let start = row * Self.width
        for place in 0..<Self.width {
            let value = values[start + place]
            var bin = Self.missing
            if !value.isNaN {
                // An infinite value also reaches the unused edges.
                bin = min(edgesReached(by: value, of: place), lastBins[place])
                if value < bounds[place].least || value > bounds[place].greatest {
                    bin |= Self.outOfRange
                    beyond[place] += 1
                }
            }
            binned[start + place] = bin
            counts[place * Self.bins + Int(bin & ~Self.outOfRange)] += 1
        }
    }

    @inline(__always)
    private func edgesReached(by value: Float, of place: Int) -> UInt8 {
        edges.withUnsafeBufferPointer { edges in
            var reached: UInt8 = 0
            for edge in edges[(place * Self.edgeRoom)..<((place + 1) * Self.edgeRoom)] where edge <= value {
                reached &+= 1
            }
            return reached
        }
    }

    /// Subtracts a row from the counts.
    private mutating func forget(_ row: Int) {
        let start = row * Self.width
        for place in 0..<Self.width {
            let bin = binned[start + place]
            counts[place * Self.bins + Int(bin & ~Self.outOfRange)] -= 1
            if bin & Self.outOfRange != 0 { beyond[place] -= 1 }
        }
    }

    /// The window's counts at one moment. Immutable.
    package struct Snapshot: Sendable {
        let reference: ReferenceDistributions
        let rows: Int
        /// By place and bin, see `DriftWindow.bins`.
        let counts: [Int]
        /// Rows by place that are out of the training data's range.
        let beyond: [Int]
        /// Hashes of the rows' customers.
        let customers: [UInt64]
        /// Earliest and latest event time, milliseconds; 0 when there are no rows.
        let from: Int64
        let to: Int64
    }

    /// Bins the rows sampled since the last snapshot.
    /// - Complexity: O(features) for each of them, and O(rows).
    package mutating func takeSnapshot() -> Snapshot {
        for age in 0..<unbinned { bin((next - 1 - age + capacity) % capacity) }
        unbinned = 0
        let times = times[..<rows]
        return Snapshot(
            reference: reference, rows: rows, counts: counts, beyond: beyond, customers: Array(customers[..<rows]),
            from: times.min() ?? 0, to: times.max() ?? 0)
    }
}
