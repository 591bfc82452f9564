/// Counts of durations in buckets that grow by a fixed factor: percentiles to within 7 %, in constant memory.
public struct LatencyHistogram: Sendable {
    private static let bucketsPerOctave = 16
    private var counts = [Int](repeating: 0, count: 40 * bucketsPerOctave)
    public private(set) var count = 0

    public init() {}

    /// Adds durations of the same length.
    public mutating func record(milliseconds: Double, count added: Int = 1) {
        counts[Self.bucket(max(milliseconds, 0))] += added
        count += added
    }

    /// The duration, milliseconds, that this share of all durations does not exceed; 0 when there are none.
    public func percentile(_ share: Double) -> Double {
        guard count > 0 else { return 0 }
        let rank = Int((share * Double(count)).rounded(.up))
        var seen = 0
        for (bucket, inBucket) in counts.enumerated() {
            seen += inBucket
            if seen >= max(rank, 1) { return Self.upperBound(bucket) }
        }
        return Self.upperBound(counts.count - 1)
    }

    // Bucket 0 ends at 1/64 ms; each octave is cut into equal steps.
    private static func bucket(_ milliseconds: Double) -> Int {
        let scaled = milliseconds * 64
        guard scaled >= 1 else { return 0 }
        let octave = Int(scaled.exponent)
        let step = Int((scaled.significand - 1) * Double(bucketsPerOctave))
        return min(octave * bucketsPerOctave + step + 1, 40 * bucketsPerOctave - 1)
    }

    private static func upperBound(_ bucket: Int) -> Double {
        let octave = bucket / bucketsPerOctave
        let step = bucket % bucketsPerOctave
        return Double(sign: .plus, exponent: octave, significand: 1 + Double(step) / Double(bucketsPerOctave)) / 64
    }
}
