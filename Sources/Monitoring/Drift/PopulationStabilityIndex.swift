/// Population stability index of two binned samples: Σ (p − q) · ln(p / q) over the bins, p and q being the samples' shares.
///
/// Half a row is added to every bin, since an empty one would make the index infinite.
/// - Parameters:
///   - live: rows by bin. They need not be whole: correlated rows may be scaled down to their effective number.
///   - reference: rows of the other sample, by the same bins.
///   - log: the natural logarithm. Data checks pass the one that gives the same bits on every machine.
/// - Returns: 0 for equal shares; the index is symmetric in the samples.
/// - Complexity: O(bins).
package func populationStabilityIndex(
    _ live: [Double], _ reference: [Double], log: (Double) -> Double
) -> Double {
    precondition(live.count == reference.count)
    return zip(smoothedShares(live), smoothedShares(reference)).reduce(0) { $0 + ($1.0 - $1.1) * log($1.0 / $1.1) }
}

private func smoothedShares(_ rows: [Double]) -> [Double] {
    let smoothed = rows.map { $0 + 0.5 }
    let sum = smoothed.reduce(0, +)
    return smoothed.map { $0 / sum }
}
