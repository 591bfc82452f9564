import Customers
import Ensemble
import Events
import Features
import Foundation
import Scoring
import TestSupport
import Testing

@testable import Monitoring

/// What another model would change, held against both models' own predictions.
@Suite struct BlastRadiusTests {
    private struct Row {
        let probability: Double
        let features: [Float]
        let customerID: String
        let time: Int64
    }

    /// All predictions of a made-up shop by an artifact, and its ring.
    private static func predictions(of artifact: ModelArtifact, ring capacity: Int) throws -> ([Row], RecentRows) {
        var (rows, ring) = ([Row](), RecentRows(rows: capacity))
        var (table, scorer) = (CustomerTable(), Scorer(artifact: artifact))
        let (shop, encoder, decoder) = (
            ShopGenerator(customers: 80, days: 200, seed: 3), EventEncoder(), EventDecoder()
        )
        while let fields = shop.nextFields() {
            var message: [UInt8] = []
            encoder.append(fields, to: &message)
            try message.withUnsafeBytes { bytes in
                let event = try decoder.event(in: bytes)
                if !event.isAnonymous { scorer.add(event, tag: 0, to: &table) }
            }
            scorer.score { prediction in
                ring.append(prediction)
                rows.append(
                    Row(
                        probability: prediction.scores[artifact.manifest.servingModel],
                        features: Array(prediction.features.assumingMemoryBound(to: Float.self)),
                        customerID: String(decoding: prediction.customerID, as: UTF8.self), time: prediction.time))
            }
        }
        return (rows, ring)
    }

    private let directory: TemporaryDirectory
    private let present: ModelArtifact
    private let other: ModelArtifact

    init() throws {
        directory = try TemporaryDirectory()
        present = try ModelArtifact(path: Checkout.models)
        // Another model of the ensemble, and another order of countries: the column of countries differs too.
        let version = try OtherModel.add(to: directory.path, version: "other", serving: .randomForest)
        try OtherModel.edit("\(directory.path)/\(version)") { manifest in
            manifest.replacing("\"United Kingdom\"", with: "\"Nowhere\"").replacing(
                "\"France\"", with: "\"United Kingdom\"")
        }
        other = try ModelArtifact(path: directory.path)
    }

    /// The rows that one model was asked for are scored by the other to the last bit as if it had served them.
    @Test func bothModelsScoreAsIfTheyHadServed() throws {
        let (mine, ring) = try Self.predictions(of: present, ring: 700)
        let (theirs, _) = try Self.predictions(of: other, ring: 1)
        try #require(mine.count == theirs.count && mine.count > 2000)
        let (old, new) = (Array(mine.suffix(700)), Array(theirs.suffix(700)))
        #expect(old.contains { $0.features[Feature.country.rawValue] != 0 })
        #expect(
            zip(old, new).contains { $0.features[Feature.country.rawValue] != $1.features[Feature.country.rawValue] })
        let thresholds = PriorityThresholds()
        let radius = try BlastRadius(ring.snapshot, from: present, to: other, thresholds)
        #expect(radius.before.version == present.manifest.version && radius.after.version == "other")
        #expect(radius.all.rows == 700 && radius.from == old.map(\.time).min() && radius.to == old.map(\.time).max())
        #expect(radius.all.meanBefore == old.reduce(0) { $0 + $1.probability } / 700)
        #expect(radius.all.meanAfter == new.reduce(0) { $0 + $1.probability } / 700)

        let priorities = zip(old, new).map {
            (thresholds.priority(of: $0.probability), thresholds.priority(of: $1.probability))
        }
        #expect(radius.all.flippedShare == Double(priorities.count { $0.0 != $0.1 }) / 700)
        for (place, priority) in Priority.allCases.enumerated() {
            #expect(radius.all.before(place) == priorities.count { $0.0 == priority })
            #expect(radius.all.after(place) == priorities.count { $0.1 == priority })
        }
        #expect(radius.histogramAfter == (0..<20).map { bin in new.count { min(Int($0.probability * 20), 19) == bin } })
        #expect(abs(radius.all.stabilityIndex - Self.stabilityIndex(old, new)) < 1e-12)

        for slice in radius.slices {
            let contains = try #require(RowSlice.all.first { $0.group == slice.group && $0.name == slice.name })
                .contains
            #expect(slice.figures.rows == old.count { contains($0.features[...]) })
        }
        for group in Set(radius.slices.map(\.group)) {
            #expect(radius.slices.filter { $0.group == group }.reduce(0) { $0 + $1.figures.rows } == 700)
        }
    }

    /// The index by its definition, half a row added to each bin: tenths of the present model's scores.
    private static func stabilityIndex(_ old: [Row], _ new: [Row]) -> Double {
        let sorted = old.map(\.probability).sorted()
        var edges: [Double] = []
        for tenth in 1..<10 {
            let edge = sorted[tenth * sorted.count / 10]
            if edge > edges.last ?? sorted[0] { edges.append(edge) }
        }
        let bounds = [-Double.infinity] + edges + [.infinity]
        func share(_ rows: [Row], _ low: Double, _ high: Double) -> Double {
            let inside = rows.count { low <= $0.probability && $0.probability < high }
            return (Double(inside) + 0.5) / (Double(rows.count) + Double(bounds.count - 1) / 2)
        }
        var sum = 0.0
        for (low, high) in zip(bounds, bounds.dropFirst()) {
            let (p, q) = (share(new, low, high), share(old, low, high))
            sum += (p - q) * log(p / q)
        }
        return sum
    }

    private static func logOdds(_ probability: Double) -> Double { log(probability / (1 - probability)) }

    @Test func moversAreThoseWhoMoveMostAndTheirReasonsAddUp() throws {
        let (mine, ring) = try Self.predictions(of: present, ring: 100_000)
        let (theirs, _) = try Self.predictions(of: other, ring: 1)
        let radius = try BlastRadius(ring.snapshot, from: present, to: other, PriorityThresholds())
        var largest: [String: Double] = [:]
        for (old, new) in zip(mine, theirs) {
            let change = abs(Self.logOdds(new.probability) - Self.logOdds(old.probability))
            largest[old.customerID] = max(largest[old.customerID] ?? 0, change)
        }
        #expect(radius.movers.count == BlastRadius.moverLimit)
        let expected = largest.values.sorted(by: >).prefix(BlastRadius.moverLimit)
        for (mover, change) in zip(radius.movers, expected) {
            let moved: Double = Self.logOdds(mover.after) - Self.logOdds(mover.before)
            #expect(abs(abs(moved) - change) < 1e-9)
            let reasons = try #require(mover.reasons)
            #expect(reasons.count == 4)
            let changes = reasons.map { abs($0.after - $0.before) }
            #expect(changes == changes.sorted(by: >))
        }
        #expect(radius.before.baseLogOdds != nil && radius.after.baseLogOdds != nil)
    }

    @Test func aModelChangesNothingBesideItself() throws {
        let (_, ring) = try Self.predictions(of: present, ring: 300)
        let radius = try BlastRadius(ring.snapshot, from: present, to: present, PriorityThresholds())
        #expect(radius.all.stabilityIndex == 0 && radius.all.flippedShare == 0 && radius.movers.isEmpty)
        #expect(BlastRadiusLimits().exceeded(by: radius).isEmpty)
        let none = try BlastRadius(RecentRows(rows: 0).snapshot, from: present, to: other, PriorityThresholds())
        #expect(none.all.rows == 0 && none.all.stabilityIndex == 0 && none.slices.isEmpty)
        #expect(BlastRadiusLimits().exceeded(by: none).isEmpty)
    }

    @Test func everyLimitIsHeld() throws {
        let (_, ring) = try Self.predictions(of: present, ring: 2000)
        let radius = try BlastRadius(ring.snapshot, from: present, to: other, PriorityThresholds())
        var limits = BlastRadiusLimits()
        (limits.stabilityIndex, limits.flippedShare, limits.volumeChange) = (100, 1, 1000)
        #expect(limits.exceeded(by: radius).isEmpty)
        for (limit, words) in [
            (\BlastRadiusLimits.stabilityIndex, "max_score_shift"), (\.flippedShare, "max_flips"),
            (\.volumeChange, "max_volume_change"),
        ] {
            var tight = limits
            tight[keyPath: limit] = 0
            let reasons = tight.exceeded(by: radius)
            #expect(!reasons.isEmpty && reasons.allSatisfy { $0.contains(words) }, "\(reasons)")
        }
    }

    /// Whatever is appended, the ring holds the latest, the oldest first.
    @Test func theRingHoldsTheLatest() throws {
        let (rows, _) = try Self.predictions(of: present, ring: 1)
        for capacity in [1, 7, 64, rows.count, rows.count + 5] {
            let (_, ring) = try Self.predictions(of: present, ring: capacity)
            let snapshot = ring.snapshot
            let expected = rows.suffix(capacity)
            #expect(snapshot.origins.map(\.time) == expected.map(\.time))
            #expect(
                snapshot.origins.map { String(decoding: $0.customerID, as: UTF8.self) } == expected.map(\.customerID))
            let isEqual = zip(snapshot.values, expected.flatMap(\.features)).allSatisfy {
                $0.bitPattern == $1.bitPattern
            }
            #expect(isEqual && snapshot.values.count == expected.count * FeatureSchema.count)
        }
    }
}
