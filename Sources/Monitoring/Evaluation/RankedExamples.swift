import Events

/// Examples sorted by ascending probability, as metrics of rank need them.
struct RankedExamples {
    /// The probability's bits, shifted by one, with the label as the lowest bit.
    private let keys: [UInt64]

    /// - Parameters:
    ///   - probabilities: in [0, 1], where the order of the bits is that of the numbers.
    ///   - labels: as many.
    /// - Complexity: O(n log n).
    init(_ probabilities: [Double], _ labels: [Bool]) {
        // The shift drops the sign, so that -0 equals 0.
        keys = zip(probabilities, labels).map { $0.bitPattern << 1 | ($1 ? 1 : 0) }.sorted()
    }

    /// Places of the examples that tie with the last one before an end.
    private func ties(before end: Int) -> Range<Int> {
        var first = end - 1
        while first > 0, keys[first - 1] >> 1 == keys[end - 1] >> 1 { first -= 1 }
        return first..<end
    }

    private func positives(in places: Range<Int>) -> Int { places.count { keys[$0] & 1 == 1 } }

    /// Area under the ROC curve, where ties count half, and average precision, where ties are one threshold.
    /// - Parameter positives: number of positive examples, at least one.
    /// - Returns: NaN when there are no negative examples.
    /// - Complexity: O(n).
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

    /// Positive rate of the highest tenth, divided by the overall one. Examples that tie at its lower end are drawn at random.
    /// - Parameters:
    ///   - probabilities: the examples again, in the order in which random numbers are drawn for them.
    ///   - positives: number of positive examples, at least one.
    ///   - seed: of the random numbers.
    func lift(_ probabilities: [Double], _ labels: [Bool], positives: Int, seed: UInt64) -> Double {
        let top = max(1, keys.count / 10)
        let threshold = keys[keys.count - top] >> 1
        var above = keys.count - top + 1
        while above < keys.count, keys[above] >> 1 == threshold { above += 1 }
        var hits = self.positives(in: above..<keys.count)
        var generator = SplitMix64(seed: seed)
        var tied: [(random: UInt64, label: Bool)] = []
        for (probability, label) in zip(probabilities, labels) {
            let random = generator.next()
            if probability.magnitude.bitPattern == threshold { tied.append((random, label)) }
        }
        tied.sort { $0.random > $1.random }
        hits += tied.prefix(top - (keys.count - above)).count { $0.label }
        return Double(hits) / Double(top) / (Double(positives) / Double(keys.count))
    }
}
