import Ensemble
import Features

/// The latest rows that were scored, binned as the reference is. Owned by one thread.
///
/// A row is taken when an invoice begins, and no more often than every sixteenth event: rows of one invoice are nearly the
/// same row. Binning one costs as much as scoring it, so that rows are put aside as they are and binned when somebody
/// looks: of a fast stream's most are written over before.
package struct DriftWindow: Sendable {
    private static let pause = 16
    private static let width = FeatureSchema.count + 1
    /// Bins of a distribution: up to ten of values, and one of missing ones.
    static let bins = ReferenceDistributions.edgeLimit + 2
    private static let missing = UInt8(bins - 1)
    private static let edgeRoom = 12
    private static let outOfRange: UInt8 = 0x40

    private let reference: ReferenceDistributions
    /// For each feature, and the score: `edgeRoom` edges, filled up with infinity.
    private let edges: [Float]
    /// Of values.
    private let lastBins: [UInt8]
    /// Least and greatest value.
    private let bounds: [(least: Float, greatest: Float)]
    private let capacity: Int
    /// One row after the other, features and score; the oldest is written over.
    private var values: [Float]
    private var binned: [UInt8]
    /// How many of the latest rows have not been binned.
    private var unbinned = 0
    private var customers: [UInt64]
    private var times: [Int64]
    private var rows = 0
    private var at = 0
    private var counts = [Int](repeating: 0, count: width * bins)
    private var beyond = [Int](repeating: 0, count: width)
    private var sinceLast = pause

    /// - Parameter rows: that the window holds.
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

    /// To be told of every scored event; most are passed over.
    /// - Parameters:
    ///   - startsInvoice: whether the event is the first of its invoice.
    ///   - features: the row that was scored.
    /// - Complexity: O(1); copying a row for one that is taken.
    @inline(__always)
    package mutating func observe(
        startsInvoice: Bool, features: UnsafeRawBufferPointer, probability: Double, customerHash: UInt64, time: Int64
    ) {
        sinceLast &+= 1
        if startsInvoice, sinceLast >= Self.pause { take(features, Float(probability), customerHash, time) }
    }

    private mutating func take(
        _ features: UnsafeRawBufferPointer, _ probability: Float, _ customerHash: UInt64, _ time: Int64
    ) {
        sinceLast = 0
        if rows < capacity {
            rows += 1
        } else if unbinned < capacity {
            forget(at)
        }
        unbinned = min(unbinned + 1, capacity)
        customers[at] = customerHash
        times[at] = time
        let start = at * Self.width
        values.withUnsafeMutableBytes { values in
            UnsafeMutableRawBufferPointer(rebasing: values[(start * 4)...]).copyMemory(from: features)
        }
        values[start + FeatureSchema.count] = probability
        at = at + 1 == capacity ? 0 : at + 1
    }

    private mutating func bin(_ row: Int) {
        let start = row * Self.width
        for place in 0..<Self.width {
            let value = values[start + place]
            var bin = Self.missing
            if !value.isNaN {
                // Infinity, which fills the edges up, is reached by itself alone.
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

    /// Takes a row out of the counts.
    private mutating func forget(_ row: Int) {
        let start = row * Self.width
        for place in 0..<Self.width {
            let bin = binned[start + place]
            counts[place * Self.bins + Int(bin & ~Self.outOfRange)] -= 1
            if bin & Self.outOfRange != 0 { beyond[place] -= 1 }
        }
    }

    /// The window's counts at one moment: immutable.
    package struct Picture: Sendable {
        let reference: ReferenceDistributions
        let rows: Int
        let counts: [Int]
        let beyond: [Int]
        let customers: [UInt64]
        let from: Int64
        let to: Int64
    }

    /// - Complexity: O(features) for each row that has come since the picture before, and O(rows).
    package mutating func takePicture() -> Picture {
        for age in 0..<unbinned { bin((at - 1 - age + capacity) % capacity) }
        unbinned = 0
        let times = times[..<rows]
        return Picture(
            reference: reference, rows: rows, counts: counts, beyond: beyond, customers: Array(customers[..<rows]),
            from: times.min() ?? 0, to: times.max() ?? 0)
    }
}
