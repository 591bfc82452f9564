import Events
import Foundation
import Monitoring
import Testing

@Suite struct MetricsTests {
    @Test func agreesWithFiguresWorkedOutByHand() {
        // Positives at 0.9, 0.8 and 0.3; the tie at 0.8 counts half.
        let m = Metrics(
            probabilities: [0.9, 0.8, 0.8, 0.3, 0.1], labels: [true, true, false, true, false], seed: 1)
        #expect(abs(m.rocAUC - (2 + 1.5 + 1) / 6) < 1e-12)
        #expect(abs(m.prAUC - (1.0 / 3 + 1.0 / 3 * 2 / 3 + 1.0 / 3 * 3 / 4)) < 1e-12)
        #expect(m.accuracy == 0.6)
        #expect(abs(m.precision - 2.0 / 3) < 1e-12 && abs(m.recall - 2.0 / 3) < 1e-12 && abs(m.f1 - 2.0 / 3) < 1e-12)
        #expect(abs(m.brier - (0.01 + 0.04 + 0.64 + 0.49 + 0.01) / 5) < 1e-12)
        // Bins: 0.9 alone; the two at 0.8; 0.3; 0.1.
        #expect(abs(m.ece - (0.1 + 0.6 + 0.7 + 0.1) / 5) < 1e-12)
        let loss = -(log(0.9) + log(0.8) + log(1 - 0.8) + log(0.3) + log(1 - 0.1)) / 5
        #expect(abs(m.logLoss - loss) < 1e-12)
        #expect(m.n == 5 && m.positiveRate == 0.6)
    }

    @Test func equalsThePairwiseDefinitionOfROCAUC() {
        var random = SplitMix64(seed: 4)
        for _ in 0..<50 {
            let probabilities = (0..<60).map { _ in (random.uniform() * 20).rounded() / 20 }
            let labels = (0..<60).map { _ in random.next() % 3 == 0 }
            var (pairs, wins) = (0.0, 0.0)
            for (p, positive) in zip(probabilities, labels) where positive {
                for (q, other) in zip(probabilities, labels) where !other {
                    pairs += 1
                    wins += p > q ? 1 : p == q ? 0.5 : 0
                }
            }
            #expect(abs(Metrics(probabilities: probabilities, labels: labels, seed: 1).rocAUC - wins / pairs) < 1e-12)
        }
    }

    /// Probabilities of every magnitude, many of them equal, some a float step apart, and both zeros.
    @Test func ranksAsSortingThePointsDoes() {
        var random = SplitMix64(seed: 9)
        for count in [1, 2, 9, 10, 300, 3000] {
            var probabilities: [Double] = []
            for _ in 0..<count {
                let last = probabilities.last ?? 0.5
                probabilities.append(
                    [
                        random.uniform(), (random.uniform() * 9).rounded() / 9, pow(random.uniform(), 60), last,
                        min(last.nextUp, 1), 0, -0.0, 1, .leastNonzeroMagnitude,
                    ][Int(random.next() % 9)])
            }
            let labels = [true] + probabilities.dropFirst().map { random.uniform() < 0.2 + 0.6 * $0 }
            let m = Metrics(probabilities: probabilities, labels: labels, seed: 7)

            var chances = SplitMix64(seed: 7)
            let points = zip(probabilities, labels).map { (probability: $0, label: $1, chance: chances.next()) }
                .sorted { ($0.probability, $0.chance) > ($1.probability, $1.chance) }
            let positives = Double(labels.count { $0 })
            let top = max(1, count / 10)
            let hits = Double(points.prefix(top).count { $0.label })
            #expect(m.liftTopDecile == hits / Double(top) / (positives / Double(count)))

            var averagePrecision = 0.0
            for threshold in Set(probabilities.map { $0 + 0 }) {
                let reached = points.filter { $0.probability >= threshold }
                let tied = reached.count { $0.label && $0.probability == threshold }
                averagePrecision +=
                    Double(tied) * Double(reached.count { $0.label }) / Double(reached.count) / positives
            }
            if positives < Double(count) { #expect(abs(m.prAUC - averagePrecision) < 1e-12) }
        }
    }

    @Test func breaksTiesForLiftAtRandomButTheSameWay() {
        let probabilities = [Double](repeating: 0.5, count: 1000)
        let labels = (0..<1000).map { $0 < 300 }
        let one = Metrics(probabilities: probabilities, labels: labels, seed: 1)
        #expect(one == Metrics(probabilities: probabilities, labels: labels, seed: 1))
        #expect(one.liftTopDecile > 0.4 && one.liftTopDecile < 1.7, "in file order it would be 3.33")
        #expect(one.rocAUC == 0.5)
    }
}
