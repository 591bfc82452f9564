import Features
import Foundation

extension DriftReport {
    /// Fewest effective rows for a report.
    static let fewestRows = 50.0

    /// Compares the windows of several threads, taken together, with the reference.
    ///
    /// If n live rows and m reference rows were independent draws from one distribution, the index times n·m / (n + m) would be
    /// χ²-distributed, with one degree of freedom fewer than there are bins (Yurdakul, "Statistical Properties of Population
    /// Stability Index", 2018). Rows of one customer are not independent, so n and m are effective sample sizes. The
    /// threshold is a quantile of that distribution, Bonferroni-corrected for the number of entries.
    /// - Complexity: O(rows + features × bins).
    package init(_ snapshots: [DriftWindow.Snapshot]) {
        rows = snapshots.reduce(0) { $0 + $1.rows }
        let filled = snapshots.filter { $0.rows > 0 }
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
            for snapshot in filled {
                for bin in counts.indices { counts[bin] += snapshot.counts[place * DriftWindow.bins + bin] }
                beyond += snapshot.beyond[place]
            }
            // The bins between the distribution's last one for values and the one for missing values are unused.
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
        // A bin that is empty in both is no bin.
        let bins = live.indices.filter { live[$0] > 0 || distribution.counts[$0] > 0 }
        func weights(_ counts: [Int], scale: Double) -> [Double] { bins.map { Double(counts[$0]) * scale } }
        psi = populationStabilityIndex(
            weights(live, scale: effectiveRows / Double(rows)),
            weights(distribution.counts, scale: referenceRows / Double(referenceCount)), log: log)
        threshold =
            bins.count < 2
            ? .infinity
            : ChiSquared.quantile(
                exceededWith: DriftReport.falseAlarms / Double(entries), degrees: bins.count - 1)
                * (1 / effectiveRows + 1 / referenceRows)
    }
}
