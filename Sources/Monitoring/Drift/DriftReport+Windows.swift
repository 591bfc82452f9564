import Features
import Foundation

extension DriftReport {
    /// Fewest independent rows that say anything.
    static let fewestRows = 50.0

    /// What some threads' windows say together.
    ///
    /// Were live rows and reference rows draws from one distribution, the index times n·m / (n + m) would be χ²-distributed
    /// with one degree of freedom fewer than there are bins (Yurdakul, "Statistical Properties of Population Stability
    /// Index", 2018), n and m being the numbers of independent rows. Rows of one customer count as one. The threshold is that
    /// distribution's quantile, Bonferroni-corrected for the number of entries.
    /// - Complexity: O(rows + features × bins).
    package init(_ pictures: [DriftWindow.Snapshot]) {
        rows = pictures.reduce(0) { $0 + $1.rows }
        let filled = pictures.filter { $0.rows > 0 }
        from = filled.map(\.from).min() ?? 0
        to = filled.map(\.to).max() ?? 0
        let effective = ReferenceDistributions.effectiveRows(filled.flatMap(\.customers))
        guard let reference = filled.first?.reference, effective >= Self.fewestRows else {
            features = []
            score = nil
            return
        }
        let (rows, all) = (rows, reference.features + [reference.score])
        let entries = all.enumerated().map { place, distribution in
            var counts = [Int](repeating: 0, count: DriftWindow.bins)
            var beyond = 0
            for picture in filled {
                for bin in counts.indices { counts[bin] += picture.counts[place * DriftWindow.bins + bin] }
                beyond += picture.beyond[place]
            }
            // Bins of values that the reference does not have stand between its last one and the one of missing values.
            let last = distribution.edges.count
            let live = Array(counts[...last]) + [counts[DriftWindow.bins - 1]]
            return Entry(
                distribution, live: live, beyond: beyond, rows: rows, effectiveRows: effective,
                referenceRows: reference.effectiveRows, entries: all.count)
        }
        features = Array(entries.dropLast())
        score = entries.last
    }
}

extension DriftReport.Entry {
    fileprivate init(
        _ distribution: ReferenceDistributions.Distribution, live: [Int], beyond: Int, rows: Int, effectiveRows: Double,
        referenceRows: Double, entries: Int
    ) {
        name = distribution.name
        let referenceCount = distribution.counts.reduce(0, +)
        self.live = live.map { Double($0) / Double(rows) }
        reference = distribution.counts.map { Double($0) / Double(referenceCount) }
        edges = distribution.edges.map { Double($0) }
        missing = self.live.last ?? 0
        referenceMissing = reference.last ?? 0
        outOfRange = Double(beyond) / Double(rows)
        // A bin that neither has is none. Half a row is added to each, or an empty one would make the index infinite.
        let bins = live.indices.filter { live[$0] > 0 || distribution.counts[$0] > 0 }
        func shares(_ counts: [Int], scale: Double) -> [Double] {
            let smoothed = bins.map { Double(counts[$0]) * scale + 0.5 }
            let sum = smoothed.reduce(0, +)
            return smoothed.map { $0 / sum }
        }
        let liveShares = shares(live, scale: effectiveRows / Double(rows))
        let referenceShares = shares(distribution.counts, scale: referenceRows / Double(referenceCount))
        psi = zip(liveShares, referenceShares).reduce(0) { $0 + ($1.0 - $1.1) * log($1.0 / $1.1) }
        threshold =
            bins.count < 2
            ? .infinity
            : ChiSquared.quantile(
                exceededWith: DriftReport.falseAlarms / Double(entries), degrees: bins.count - 1)
                * (1 / effectiveRows + 1 / referenceRows)
    }
}
