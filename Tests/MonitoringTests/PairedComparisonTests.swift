import Events
import Foundation
import Testing

@testable import Monitoring

/// The intervals of two models' difference, held against their definitions and against chance.
@Suite struct PairedComparisonTests {
    private typealias Pair = PairedComparison.Pair

    /// Predictions of customers with several each, by two models of which the second sees so much more of the truth.
    private static func pairs(customers: Int, seed: UInt64, advantage: Double) -> [Pair] {
        var random = SplitMix64(seed: seed)
        func normal() -> Double {
            (-2 * log(1 - random.uniform())).squareRoot() * cos(2 * .pi * random.uniform())
        }
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        var pairs: [Pair] = []
        for customer in 0..<customers {
            let truth = 1.5 * normal()
            // What a model thinks of a customer goes through all of their predictions.
            let (first, second) = (normal(), normal())
            for _ in 0..<Int(1 + random.uniform() * 12) {
                let label = random.uniform() < sigmoid(truth)
                pairs.append(
                    Pair(
                        before: sigmoid(truth + 0.5 * first + 0.1 * normal()),
                        after: sigmoid(truth + (0.5 - advantage) * second + 0.1 * normal()), isBought: label,
                        customerHash: UInt64(customer + 1) &* 0x9E37_79B9_7F4A_7C15, slices: 0))
            }
        }
        return pairs
    }

    /// Every pair of a buyer and a non-buyer.
    private static func slowArea(_ pairs: [Pair], _ probability: (Pair) -> Double) -> Double {
        let (bought, not) = (pairs.filter(\.isBought), pairs.filter { !$0.isBought })
        var sum = 0.0
        for a in bought {
            for b in not {
                let (p, q) = (probability(a), probability(b))
                sum += p > q ? 1 : p == q ? 0.5 : 0
            }
        }
        return sum / Double(bought.count * not.count)
    }

    private static func loss(_ p: Double, _ label: Bool) -> Double { -log(label ? p : 1 - p) }

    @Test func differencesAndErrorsAreThoseOfTheirDefinitions() throws {
        // Ties too.
        let pairs = Self.pairs(customers: 120, seed: 4, advantage: 0.2).map {
            Pair(
                before: ($0.before * 50).rounded() / 51 + 0.005, after: ($0.after * 50).rounded() / 51 + 0.005,
                isBought: $0.isBought, customerHash: $0.customerHash, slices: 0)
        }
        let figures = PairedComparison.figures(pairs)
        #expect(figures.predictions == pairs.count && figures.customers == 120)
        let (loss, area) = (try #require(figures.logLoss), try #require(figures.rocAUC))
        func lossDifference(_ pairs: [Pair]) -> Double {
            pairs.reduce(0) { $0 + Self.loss($1.before, $1.isBought) - Self.loss($1.after, $1.isBought) }
                / Double(pairs.count)
        }
        func areaDifference(_ pairs: [Pair]) -> Double {
            Self.slowArea(pairs, \.after) - Self.slowArea(pairs, \.before)
        }
        #expect(abs(loss.value - lossDifference(pairs)) < 1e-12)
        #expect(abs(area.value - areaDifference(pairs)) < 1e-12)
        // The errors are about those of leaving out one customer after the other.
        for (found, statistic) in [(loss, lossDifference), (area, areaDifference)] {
            let customers = Array(Set(pairs.map(\.customerHash)))
            let left = customers.map { customer in statistic(pairs.filter { $0.customerHash != customer }) }
            let mean = left.reduce(0, +) / Double(left.count)
            let variance =
                left.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * Double(left.count - 1) / Double(left.count)
            let error = (found.upper - found.value) / PairedComparison.boundary(120)
            #expect(abs(error / variance.squareRoot() - 1) < 0.1, "\(error) beside \(variance.squareRoot())")
            #expect(abs(found.upper + found.lower - 2 * found.value) < 1e-12)
        }
    }

    /// Two models of the same worth, looked at forty times as customers come: a plain interval excludes the truth in many runs, these
    /// in few.
    @Test func whoKeepsLookingIsNotMisled() {
        let runs = 300
        var (misled, byPlainIntervals) = (0, 0)
        for run in 0..<runs {
            let pairs = Self.pairs(customers: 1000, seed: UInt64(run + 1), advantage: 0)
            var (excluded, plainly) = (false, false)
            for look in 1...40 {
                let customers = Set((0..<(look * 25)).map { UInt64($0 + 1) &* 0x9E37_79B9_7F4A_7C15 })
                guard let loss = PairedComparison.figures(pairs.filter { customers.contains($0.customerHash) }).logLoss
                else { continue }
                if loss.lower > 0 || loss.upper < 0 { excluded = true }
                let error = (loss.upper - loss.value) / PairedComparison.boundary(Double(look * 25))
                if abs(loss.value) > 1.96 * error { plainly = true }
            }
            if excluded { misled += 1 }
            if plainly { byPlainIntervals += 1 }
        }
        // 5 % are allowed; chance would give more than 27 of 300 less than once in a thousand times.
        #expect(misled <= 27, "\(misled) of \(runs)")
        #expect(byPlainIntervals > 60, "\(byPlainIntervals) of \(runs)")
    }

    @Test func aBetterModelIsFoundOut() {
        let pairs = Self.pairs(customers: 1500, seed: 77, advantage: 0.4)
        let found = PairedComparison.figures(pairs)
        #expect((found.logLoss?.lower ?? -1) > 0 && (found.rocAUC?.lower ?? -1) > 0)
        #expect(PairedComparison.figures(Array(pairs.prefix(20))).logLoss == nil)
        let oneLabel = pairs.map {
            Pair(before: $0.before, after: $0.after, isBought: true, customerHash: $0.customerHash, slices: 0)
        }
        #expect(PairedComparison.figures(oneLabel).rocAUC == nil)
    }
}
