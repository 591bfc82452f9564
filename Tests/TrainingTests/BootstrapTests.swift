import Events
import Foundation
import Monitoring
import Testing

@testable import Training

@Suite struct BootstrapTests {
    /// Points of 120 customers with ties among the probabilities.
    static func sample(seed: UInt64) -> (probabilities: [Double], labels: [Bool], customers: [Int32]) {
        var random = SplitMix64(seed: seed)
        var (probabilities, labels, customers): ([Double], [Bool], [Int32]) = ([], [], [])
        for customer in 0..<120 {
            let taste = random.uniform()
            for _ in 0..<Int(1 + random.next() % 8) {
                let probability = min(max(taste + random.uniform() * 0.4 - 0.2, 0.01), 0.99)
                probabilities.append((probability * 50).rounded() / 50)
                labels.append(random.uniform() < probability)
                customers.append(Int32(customer))
            }
        }
        return (probabilities, labels, customers)
    }

    @Test func countsEveryPointAsMetricsDo() {
        for seed in 1...20 {
            let (probabilities, labels, customers) = Self.sample(seed: UInt64(seed))
            let metrics = Metrics(probabilities: probabilities, labels: labels, seed: 9)
            let ranked = RankedPredictions(probabilities: probabilities, labels: labels, customers: customers, seed: 9)
            let once = ranked.metrics([Int32](repeating: 1, count: 120))
            #expect(abs(once.rocAUC - metrics.rocAUC) < 1e-12)
            #expect(abs(once.prAUC - metrics.prAUC) < 1e-12)
            #expect(abs(once.logLoss - metrics.logLoss) < 1e-12)
            #expect(abs(once.brier - metrics.brier) < 1e-12)
            #expect(abs(once.ece - metrics.ece) < 1e-12)
            #expect(abs(once.liftTopDecile - metrics.liftTopDecile) < 1e-12)
        }
    }

    /// A customer who was drawn twice counts as two customers with the same examples.
    @Test func weighsCustomersAsIfTheirPointsWereRepeated() {
        let (probabilities, labels, customers) = Self.sample(seed: 3)
        var random = SplitMix64(seed: 5)
        let weights = (0..<120).map { _ in Int32(random.next() % 4) }
        var repeated: ([Double], [Bool]) = ([], [])
        for index in labels.indices {
            for _ in 0..<weights[Int(customers[index])] {
                repeated.0.append(probabilities[index])
                repeated.1.append(labels[index])
            }
        }
        let weighed = RankedPredictions(probabilities: probabilities, labels: labels, customers: customers, seed: 1)
            .metrics(weights)
        let metrics = Metrics(probabilities: repeated.0, labels: repeated.1, seed: 1)
        #expect(abs(weighed.rocAUC - metrics.rocAUC) < 1e-12)
        #expect(abs(weighed.prAUC - metrics.prAUC) < 1e-12)
        #expect(abs(weighed.logLoss - metrics.logLoss) < 1e-12)
        #expect(abs(weighed.brier - metrics.brier) < 1e-12)
        #expect(abs(weighed.ece - metrics.ece) < 1e-12)
    }

    /// Of samples from a population that is known, about 95 in 100 intervals must hold its figure.
    @Test func intervalsHoldTheTruthAboutAsOftenAsTheySay() throws {
        let all = (1...400).map { Self.sample(seed: UInt64($0)) }
        let truth = Metrics(
            probabilities: all.flatMap(\.probabilities), labels: all.flatMap(\.labels), seed: 1)
        var (rocAUC, logLoss) = (0, 0)
        for one in all.prefix(200) {
            let ranked = RankedPredictions(
                probabilities: one.probabilities, labels: one.labels, customers: one.customers, seed: 1)
            let metrics = Bootstrap(replicates: 200, seed: 7, customers: Set(one.customers).sorted()).metrics([ranked])
            let (a, b) = (try #require(Interval(metrics.map(\.rocAUC))), try #require(Interval(metrics.map(\.logLoss))))
            if (a.low...a.high).contains(truth.rocAUC) { rocAUC += 1 }
            if (b.low...b.high).contains(truth.logLoss) { logLoss += 1 }
        }
        #expect((178...199).contains(rocAUC), "\(rocAUC) of 200")
        #expect((178...199).contains(logLoss), "\(logLoss) of 200")
    }
}
