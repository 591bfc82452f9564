import Events
import Features
import Foundation
import Testing

@testable import Monitoring

@Suite struct DriftTests {
    /// Rows whose features are of various kinds: continuous, of few values, often missing, constant.
    static func row(_ random: inout SplitMix64, shift: Float = 0) -> [Float] {
        (0..<FeatureSchema.count).map { feature in
            let uniform = Float(random.next() >> 40) / Float(1 << 24)
            switch feature % 5 {
            case 0: return -log(1 - uniform) + (feature == 0 ? shift : 0)
            case 1: return (uniform * 4).rounded(.down)
            case 2: return uniform < 0.3 ? .nan : uniform * uniform
            case 3: return 1
            default: return uniform * 100 - 50
            }
        }
    }

    static func reference(rows: Int, seed: UInt64) -> ReferenceDistributions {
        var random = SplitMix64(seed: seed)
        var matrix = FeatureMatrix()
        for _ in 0..<rows { matrix.append(row: row(&random)[...]) }
        return ReferenceDistributions(
            matrix, of: FeatureSchema(.standard), customers: (0..<rows).map { Int32($0) },
            probabilities: (0..<rows).map { _ in Double(random.next() >> 11) / Double(1 << 53) })
    }

    static func report(_ reference: ReferenceDistributions, rows: Int, seed: UInt64, shift: Float = 0) -> DriftReport {
        var random = SplitMix64(seed: seed)
        var window = DriftWindow(reference: reference, rows: rows)
        for number in 0..<(rows * 16 + 15) {
            let row = row(&random, shift: shift)
            let probability = Double(random.next() >> 11) / Double(1 << 53)
            row.withUnsafeBytes { bytes in
                window.observe(
                    startsInvoice: true, features: bytes, probability: probability, customerHash: UInt64(number),
                    time: Int64(number))
            }
        }
        return DriftReport([window.takeSnapshot()])
    }

    /// The promise is one alarm in a hundred windows; a fixed limit of 0.1 would alarm in nearly every one of 100 rows.
    @Test(arguments: [100, 400]) func alarmsAsRarelyAsItSaysWhereNothingHasChanged(rows: Int) {
        let reference = Self.reference(rows: 5000, seed: 1)
        var (alarms, fixed) = (0, 0)
        let windows = 200
        for seed in 0..<windows {
            let report = Self.report(reference, rows: rows, seed: UInt64(seed) + 1000)
            #expect(report.features.count == FeatureSchema.count)
            let entries = report.features + [report.score!]
            if entries.contains(where: \.isDrifting) { alarms += 1 }
            if entries.contains(where: { $0.psi > 0.1 }) { fixed += 1 }
        }
        // Of 200 windows two are expected; ten or more would come once in ten thousand runs.
        #expect(alarms < 10, "\(alarms) of \(windows) windows alarm")
        if rows == 100 { #expect(fixed > windows / 2, "\(fixed) windows beyond 0.1") }
    }

    @Test func findsTheFeatureThatHasChanged() {
        let reference = Self.reference(rows: 5000, seed: 1)
        let report = Self.report(reference, rows: 500, seed: 7, shift: 0.7)
        #expect(report.features.filter(\.isDrifting).map(\.name) == [FeatureSchema(.standard).names[0]])
        #expect(report.score?.isDrifting == false)
    }

    @Test func tellsMissingAndOutOfRangeShares() {
        let reference = Self.reference(rows: 5000, seed: 1)
        let report = Self.report(reference, rows: 1000, seed: 3, shift: 100)
        #expect(report.features[0].outOfRange == 1)
        #expect(abs(report.features[2].missing - 0.3) < 0.05)
        #expect(abs(report.features[2].referenceMissing - 0.3) < 0.05)
        for entry in report.features {
            #expect(abs(entry.live.reduce(0, +) - 1) < 1e-12 && abs(entry.reference.reduce(0, +) - 1) < 1e-12)
            #expect(entry.live.count == entry.edges.count + 2)
        }
    }

    @Test func theOldestRowsLeaveTheWindow() {
        let reference = Self.reference(rows: 2000, seed: 1)
        var (window, fresh) = (
            DriftWindow(reference: reference, rows: 300), DriftWindow(reference: reference, rows: 300)
        )
        var random = SplitMix64(seed: 4)
        let rows = (0..<1000).map { _ in Self.row(&random, shift: Float(random.next() % 20)) }
        for (number, row) in rows.enumerated() {
            row.withUnsafeBytes { bytes in
                for _ in 0..<16 {
                    window.observe(
                        startsInvoice: true, features: bytes, probability: 0.5, customerHash: UInt64(number), time: 1)
                    if number >= 700 {
                        fresh.observe(
                            startsInvoice: true, features: bytes, probability: 0.5, customerHash: UInt64(number),
                            time: 1)
                    }
                }
            }
        }
        #expect(window.takeSnapshot().counts == fresh.takeSnapshot().counts)
        #expect(window.takeSnapshot().beyond == fresh.takeSnapshot().beyond)
    }

    @Test(arguments: [1, 7, 100, 299, 300, 301, 650])
    func whoLooksInBetweenChangesNothing(every: Int) {
        let reference = Self.reference(rows: 2000, seed: 1)
        var window = DriftWindow(reference: reference, rows: 300)
        var unseen = window
        var random = SplitMix64(seed: 5)
        for number in 0..<1000 {
            Self.row(&random, shift: Float(random.next() % 20)).withUnsafeBytes { bytes in
                func observe(_ window: inout DriftWindow) {
                    for _ in 0..<16 {
                        window.observe(
                            startsInvoice: true, features: bytes, probability: 0.5, customerHash: UInt64(number),
                            time: Int64(number))
                    }
                }
                observe(&window)
                observe(&unseen)
            }
            if number % every == 0 {
                let snapshot = window.takeSnapshot()
                #expect(snapshot.counts.reduce(0, +) == snapshot.rows * (FeatureSchema.count + 1))
            }
        }
        let (snapshot, other) = (window.takeSnapshot(), unseen.takeSnapshot())
        #expect(snapshot.counts == other.counts && snapshot.beyond == other.beyond)
        #expect(snapshot.from == other.from && snapshot.to == other.to)
    }

    @Test func saysNothingOfTooFewCustomers() {
        let reference = Self.reference(rows: 2000, seed: 1)
        #expect(Self.report(reference, rows: 40, seed: 1).features.isEmpty)
        #expect(ReferenceDistributions.effectiveRows([1, 1, 1, 2]) == 1.6)
    }

    /// Quantiles of the χ² distribution, from tables.
    @Test func knowsTheChiSquaredDistribution() {
        for (probability, degrees, quantile) in [
            (0.05, 1, 3.841459), (0.05, 10, 18.307038), (0.01, 9, 21.665994), (0.001, 20, 45.314747),
            (0.5, 2, 1.386294), (0.0001, 10, 35.564014),
        ] {
            #expect(abs(ChiSquared.quantile(exceededWith: probability, degrees: degrees) - quantile) < 1e-5)
        }
    }
}
