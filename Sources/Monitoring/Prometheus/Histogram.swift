/// Counts of positive values in buckets that grow with them: percentiles to within 6 %, in constant memory (HdrHistogram's
/// layout: octaves cut into equal steps). Values of any unit between 2⁻²⁴ and 2²⁴; what lies beyond counts as the bound.
package struct Histogram: Sendable {
    static let stepsOfOctave = 16
    static let firstExponent = -24
    static let octaves = 48

    /// By bucket, see `upperBound`.
    private(set) var counts = [Int](repeating: 0, count: octaves * stepsOfOctave)
    package private(set) var count = 0
    package private(set) var sum = 0.0

    package init() {}

    /// Adds values of the same size.
    /// - Complexity: O(1).
    package mutating func record(_ value: Double, count added: Int = 1) {
        counts[Self.bucket(value)] &+= added
        count &+= added
        sum += value * Double(added)
    }

    package mutating func add(_ other: Histogram) {
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        count += other.count
        sum += other.sum
    }

    /// The value that this share of all values does not exceed, or up to 6 % more; 0 when there are none.
    package func percentile(_ share: Double) -> Double {
        guard count > 0 else { return 0 }
        let rank = max(Int((share * Double(count)).rounded(.up)), 1)
        var seen = 0
        for (bucket, inBucket) in counts.enumerated() {
            seen += inBucket
            if seen >= rank { return Self.upperBound(bucket) }
        }
        return Self.upperBound(counts.count - 1)
    }

    /// Values up to each of some bounds: cumulative counts.
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

    @inline(__always)
    private static func bucket(_ value: Double) -> Int {
        // Of a positive number's 64 bits the exponent and the four bits after it are the bucket, but for where it starts.
        let place = Int(value.bitPattern >> 48) &- (1023 + firstExponent) * stepsOfOctave
        return value > 0 ? min(max(place, 0), octaves * stepsOfOctave - 1) : 0
    }

    static func upperBound(_ bucket: Int) -> Double {
        Double(
            sign: .plus, exponent: bucket / stepsOfOctave + firstExponent,
            significand: 1 + Double(bucket % stepsOfOctave + 1) / Double(stepsOfOctave))
    }
}
