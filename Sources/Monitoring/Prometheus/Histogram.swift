/// Counts of positive values in logarithmic buckets, from which percentiles are read to within 6 %, in constant memory.
///
/// The layout is HdrHistogram's: each octave is cut into 16 equal steps. A bucket includes its upper bound and excludes its
/// lower one. Values may have any unit; those outside 2⁻²⁴ to 2²⁴ count as the nearest bound.
public struct Histogram: Sendable {
    @inlinable static var stepsPerOctave: Int { 16 }
    @inlinable static var firstExponent: Int { -24 }
    @inlinable static var octaves: Int { 48 }
    @inlinable static var bucketCount: Int { octaves * stepsPerOctave }

    /// By bucket, see `upperBound`.
    @usableFromInline var counts: [Int]
    @usableFromInline var total: Int
    @usableFromInline var valueSum = 0.0

    /// Number of values.
    package var count: Int { total }
    /// Sum of the values.
    package var sum: Double { valueSum }

    /// A histogram without values.
    package init() {
        counts = [Int](repeating: 0, count: Self.bucketCount)
        total = 0
    }

    /// - Parameter counts: by bucket. The sum is not known.
    init(counts: [Int]) {
        precondition(counts.count == Self.bucketCount)
        self.counts = counts
        total = counts.reduce(0, +)
    }

    /// Adds one value.
    /// - Complexity: O(1).
    @inlinable
    public mutating func record(_ value: Double) {
        counts[Self.bucket(value)] &+= 1
        total &+= 1
        valueSum += value
    }

    /// Adds another histogram's values.
    package mutating func add(_ other: Histogram) {
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        total += other.total
        valueSum += other.valueSum
    }

    /// What has been added since an earlier state of this histogram.
    package func subtracting(_ earlier: Histogram) -> Histogram {
        var difference = self
        for bucket in counts.indices { difference.counts[bucket] -= earlier.counts[bucket] }
        difference.total -= earlier.total
        difference.valueSum -= earlier.valueSum
        return difference
    }

    /// A value that at least this share of the values does not exceed: the least such value, or up to 6 % more.
    /// - Parameter share: in 0...1.
    /// - Returns: 0 when there are no values.
    package func percentile(_ share: Double) -> Double {
        guard total > 0 else { return 0 }
        let rank = max(Int((share * Double(total)).rounded(.up)), 1)
        var seen = 0
        for (bucket, inBucket) in counts.enumerated() {
            seen += inBucket
            if seen >= rank { return Self.upperBound(bucket) }
        }
        return Self.upperBound(counts.count - 1)
    }

    /// How many values each of some bounds is not exceeded by.
    /// - Parameter bounds: ascending, each the upper bound of a bucket.
    func cumulative(upTo bounds: [Double]) -> [Int] {
        var (seen, bucket) = (0, 0)
        return bounds.map { bound in
            while bucket < counts.count, Self.upperBound(bucket) <= bound {
                seen += counts[bucket]
                bucket += 1
            }
            return seen
        }
    }

    @inlinable
    @inline(__always)
    static func bucket(_ value: Double) -> Int {
        // The exponent and the four bits after it number the buckets from their lower bounds. The decrement moves a value that
        // equals a lower bound into the bucket below.
        let place = Int((value.bitPattern &- 1) >> 48) &- (1023 + firstExponent) * stepsPerOctave
        return value > 0 ? min(max(place, 0), bucketCount - 1) : 0
    }

    static func upperBound(_ bucket: Int) -> Double {
        Double(
            sign: .plus, exponent: bucket / stepsPerOctave + firstExponent,
            significand: 1 + Double(bucket % stepsPerOctave + 1) / Double(stepsPerOctave))
    }
}
