import Events
import Features

/// Metrics of one model on one set of labeled examples. Coded by the names that `results.json` uses.
package struct Metrics: Codable, Equatable, Sendable {
    /// Area under the ROC curve; NaN without examples of both labels.
    package var rocAUC: Double
    /// Average precision; NaN without examples of both labels.
    package var prAUC: Double
    /// Share of examples that are classified correctly at a probability of 0.5.
    package var accuracy: Double
    /// At a probability of 0.5; 0 when no example reaches it.
    package var precision: Double
    /// At a probability of 0.5; 0 without positive examples.
    package var recall: Double
    /// Harmonic mean of precision and recall.
    package var f1: Double
    /// Mean cross-entropy, nats. Probabilities are clipped to 10⁻¹⁵ from 0 and 1.
    package var logLoss: Double
    /// Mean squared error of the probability.
    package var brier: Double
    /// Expected calibration error over ten bins of equal width.
    package var ece: Double
    /// Positive rate of the tenth with the highest probabilities, divided by the overall positive rate; NaN without positive
    /// examples.
    package var liftTopDecile: Double
    /// Number of examples; in means, their mean number.
    package var n: Double
    /// Share of positive examples.
    package var positiveRate: Double

    enum CodingKeys: String, CodingKey {
        case rocAUC = "roc_auc"
        case prAUC = "pr_auc"
        case accuracy, precision, recall, f1
        case logLoss = "log_loss"
        case brier, ece
        case liftTopDecile = "lift_top_decile"
        case n
        case positiveRate = "positive_rate"
    }

    /// - Parameters:
    ///   - probabilities: one for each example, in [0, 1].
    ///   - labels: as many; at least one.
    ///   - seed: decides the order of ties, which lift depends on.
    /// - Complexity: O(n log n).
    package init(probabilities: [Double], labels: [Bool], seed: UInt64) {
        precondition(probabilities.count == labels.count && !labels.isEmpty)
        let count = Double(labels.count)
        let positives = labels.count { $0 }
        n = count
        positiveRate = Double(positives) / count

        var (truePositives, falsePositives, loss, squares) = (0, 0, 0.0, 0.0)
        var bins = [(count: Int, probability: Double, positives: Int)](repeating: (0, 0, 0), count: 10)
        for (probability, label) in zip(probabilities, labels) {
            if probability >= 0.5 {
                if label { truePositives += 1 } else { falsePositives += 1 }
            }
            let clipped = min(max(probability, 1e-15), 1 - 1e-15)
            loss -= Elementary.log(label ? clipped : 1 - clipped)
            squares += (probability - (label ? 1 : 0)) * (probability - (label ? 1 : 0))
            let bin = min(Int(probability * 10), 9)
            bins[bin].count += 1
            bins[bin].probability += probability
            if label { bins[bin].positives += 1 }
        }
        let predicted = truePositives + falsePositives
        let trueNegatives = labels.count - positives - falsePositives
        accuracy = Double(truePositives + trueNegatives) / count
        precision = predicted == 0 ? 0 : Double(truePositives) / Double(predicted)
        recall = positives == 0 ? 0 : Double(truePositives) / Double(positives)
        f1 = precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
        logLoss = loss / count
        brier = squares / count
        ece = bins.reduce(0) { $0 + abs($1.probability - Double($1.positives)) } / count

        guard positives > 0 else {
            (rocAUC, prAUC, liftTopDecile) = (.nan, .nan, .nan)
            return
        }
        let ranked = RankedExamples(probabilities, labels)
        (rocAUC, prAUC) = ranked.areas(positives: positives)
        liftTopDecile = ranked.lift(probabilities, labels, positives: positives, seed: seed)
    }

    /// The mean of each metric over several sets of examples; at least one.
    package init(meanOf all: [Metrics]) {
        precondition(!all.isEmpty)
        func mean(_ metric: (Metrics) -> Double) -> Double {
            all.reduce(0) { $0 + metric($1) } / Double(all.count)
        }
        rocAUC = mean(\.rocAUC)
        prAUC = mean(\.prAUC)
        accuracy = mean(\.accuracy)
        precision = mean(\.precision)
        recall = mean(\.recall)
        f1 = mean(\.f1)
        logLoss = mean(\.logLoss)
        brier = mean(\.brier)
        ece = mean(\.ece)
        liftTopDecile = mean(\.liftTopDecile)
        n = mean(\.n)
        positiveRate = mean(\.positiveRate)
    }
}
