import Events

/// Points by ascending probability: of each its probability's bits and, as the lowest one, its label. Which point it was
/// is not kept, for ranks need no more.
struct RankedExamples {
    private let keys: [UInt64]

    /// - Parameter probabilities: in [0, 1], where bits are in the order of the numbers.
    /// - Complexity: O(n): a radix sort, least significant byte first (Knuth, The Art of Computer Programming 3, 5.2.5).
    init(_ probabilities: [Double], _ labels: [Bool]) {
        // The sign goes, so that -0 is 0.
        var keys = zip(probabilities, labels).map { $0.bitPattern << 1 | ($1 ? 1 : 0) }
        // By byte, how many keys have which.
        var counts = [Int](repeating: 0, count: 8 * 256)
        for key in keys {
            for byte in 0..<8 { counts[byte << 8 | Int(key >> UInt64(8 * byte) & 255)] += 1 }
        }
        var sorted = keys
        for byte in 0..<8 {
            let its = counts[byte << 8..<(byte + 1) << 8]
            if its.contains(keys.count) { continue }
            var end = 0
            var places = its.map { count in
                defer { end += count }
                return end
            }
            for key in keys {
                let value = Int(key >> UInt64(8 * byte) & 255)
                sorted[places[value]] = key
                places[value] += 1
            }
            swap(&keys, &sorted)
        }
        self.keys = keys
    }

    /// Places below the end that hold its probability.
    private func ties(before end: Int) -> Range<Int> {
        var first = end - 1
        while first > 0, keys[first - 1] >> 1 == keys[end - 1] >> 1 { first -= 1 }
        return first..<end
    }

    private func positives(in places: Range<Int>) -> Int { places.count { keys[$0] & 1 == 1 } }

    /// Area under the ROC curve (ties count half) and average precision (ties are one threshold).
    func areas(positives: Int) -> (rocAUC: Double, prAUC: Double) {
        let negatives = keys.count - positives
        guard negatives > 0 else { return (.nan, .nan) }
        var above = 0
        var (area, averagePrecision) = (0.0, 0.0)
        var end = keys.count
        while end > 0 {
            let ties = ties(before: end)
            let tied = self.positives(in: ties)
            area += Double(ties.count - tied) * (Double(above) + Double(tied) / 2)
            above += tied
            end = ties.lowerBound
            averagePrecision += Double(tied) * Double(above) / Double(keys.count - end)
        }
        return (area / Double(positives) / Double(negatives), averagePrecision / Double(positives))
    }

    /// Positive rate among the highest tenth, over that of all. Chance orders the points of the threshold that it ends in.
    /// - Parameters: the points in the order that chance is drawn in.
    func lift(_ probabilities: [Double], _ labels: [Bool], positives: Int, seed: UInt64) -> Double {
        let top = max(1, keys.count / 10)
        let threshold = keys[keys.count - top] >> 1
        var above = keys.count - top + 1
        while above < keys.count, keys[above] >> 1 == threshold { above += 1 }
        var hits = self.positives(in: above..<keys.count)
        var generator = SplitMix64(seed: seed)
        var last: [(chance: UInt64, label: Bool)] = []
        for (probability, label) in zip(probabilities, labels) {
            let chance = generator.next()
            if probability.magnitude.bitPattern == threshold { last.append((chance, label)) }
        }
        last.sort { $0.chance > $1.chance }
        hits += last.prefix(top - (keys.count - above)).count { $0.label }
        return Double(hits) / Double(top) / (Double(positives) / Double(keys.count))
    }
}
