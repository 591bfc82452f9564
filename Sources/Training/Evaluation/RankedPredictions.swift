import Events
import Monitoring

/// One model's predictions for one set of examples, sorted by descending probability, so that the metrics of a bootstrap
/// replicate take one pass.
struct RankedPredictions: Sendable {
    private let customers: [Int32]
    private let labels: [Bool]
    private let probabilities: [Double]
    private let losses: [Double]
    /// Examples and positives of each customer that has any.
    private let counts: [(customer: Int32, examples: Int32, positives: Int32)]

    /// - Parameters:
    ///   - probabilities, labels, customers: one a row.
    ///   - seed: decides the order of ties, which lift depends on.
    /// - Complexity: O(n log n).
    init(probabilities: [Double], labels: [Bool], customers: [Int32], seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let ties = probabilities.map { _ in generator.next() }
        let order = probabilities.indices.sorted { (probabilities[$1], ties[$1]) < (probabilities[$0], ties[$0]) }
        self.customers = order.map { customers[$0] }
        self.labels = order.map { labels[$0] }
        self.probabilities = order.map { probabilities[$0] }
        losses = order.map { index in
            let clipped = min(max(probabilities[index], 1e-15), 1 - 1e-15)
            return -Elementary.log(labels[index] ? clipped : 1 - clipped)
        }
        var counts: [Int32: (examples: Int32, positives: Int32)] = [:]
        for (customer, label) in zip(customers, labels) {
            counts[customer, default: (0, 0)].examples += 1
            if label { counts[customer]!.positives += 1 }
        }
        self.counts = counts.map { ($0.key, $0.value.examples, $0.value.positives) }
    }

    /// The metrics of a replicate; with every weight 1 they equal those of `Metrics`. Tied probabilities are one threshold.
    /// - Parameter weights: how often each customer was drawn, by customer's number.
    /// - Complexity: O(examples).
    func metrics(_ weights: UnsafePointer<Int32>) -> BootstrapMetrics {
        var (total, positives) = (0, 0)
        for count in counts {
            let weight = Int(weights[Int(count.customer)])
            total += weight * Int(count.examples)
            positives += weight * Int(count.positives)
        }
        let negatives = total - positives
        guard positives > 0, negatives > 0 else {
            return .undefined
        }
        let top = max(1, total / 10)
        var metrics = BootstrapMetrics()
        var (above, seen, hits) = (0, 0, 0)
        var (area, precision) = (0.0, 0.0)
        var (binProbability, binPositives, bin) = (0.0, 0.0, 9)
        var row = 0
        while row < labels.count {
            let probability = probabilities[row]
            var (tied, tiedPositives) = (0, 0)
            while row < labels.count, probabilities[row] == probability {
                let weight = Int(weights[Int(customers[row])])
                if weight > 0 {
                    metrics.logLoss += Double(weight) * losses[row]
                    if labels[row] {
                        hits += max(0, min(weight, top - seen - tied))
                        tiedPositives += weight
                    }
                    tied += weight
                }
                row += 1
            }
            if tied == 0 { continue }
            let tiedBin = min(Int(probability * 10), 9)
            if tiedBin != bin {
                metrics.ece += abs(binProbability - binPositives)
                (binProbability, binPositives, bin) = (0, 0, tiedBin)
            }
            binProbability += Double(tied) * probability
            binPositives += Double(tiedPositives)
            let tiedNegatives = tied - tiedPositives
            metrics.brier +=
                Double(tiedPositives) * (1 - probability) * (1 - probability)
                + Double(tiedNegatives) * probability * probability
            area += Double(tiedNegatives) * (Double(above) + Double(tiedPositives) / 2)
            above += tiedPositives
            seen += tied
            precision += Double(tiedPositives) * Double(above) / Double(seen)
        }
        let count = Double(total)
        metrics.rocAUC = area / Double(positives) / Double(negatives)
        metrics.prAUC = precision / Double(positives)
        metrics.logLoss /= count
        metrics.brier /= count
        metrics.ece = (metrics.ece + abs(binProbability - binPositives)) / count
        metrics.liftTopDecile = Double(hits) / Double(top) / (Double(positives) / count)
        return metrics
    }
}
