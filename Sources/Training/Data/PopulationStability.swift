import Events

/// Population stability index of two histograms of the same bins: Σ (p − q) ln(p / q), with half a count added to each
/// bin. 0 for equal distributions; infinite where the numbers of bins differ.
func populationStabilityIndex(_ now: [Int], _ then: [Int]) -> Double {
    guard now.count == then.count else { return .infinity }
    let (nowTotal, thenTotal) = (Double(now.reduce(0, +)), Double(then.reduce(0, +)))
    let bins = Double(now.count) / 2
    return zip(now, then).reduce(0) { sum, pair in
        let p = (Double(pair.0) + 0.5) / (nowTotal + bins)
        let q = (Double(pair.1) + 0.5) / (thenTotal + bins)
        return sum + (p - q) * Elementary.log(p / q)
    }
}
