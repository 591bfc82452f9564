import Events
import Features

/// The figures of one model on one set of points, by the names that `results.json` uses.
package struct Metrics: Codable, Equatable, Sendable {
    package var rocAUC: Double
    /// Average precision.
    package var prAUC: Double
    /// At a probability of 0.5.
    package var accuracy: Double
    package var precision: Double
    package var recall: Double
    package var f1: Double
    package var logLoss: Double
    package var brier: Double
    /// Expected calibration error over ten bins of equal width.
    package var ece: Double
    /// Positive rate among the tenth with the highest probabilities, over the positive rate of all.
    package var liftTopDecile: Double
    /// Points; a mean where figures are means.
    package var n: Double
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
    ///   - probabilities: one a point, in [0, 1].
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
        let ranked = RankedPoints(probabilities, labels)
        (rocAUC, prAUC) = ranked.areas(positives: positives)
        liftTopDecile = ranked.lift(probabilities, labels, positives: positives, seed: seed)
    }

    /// Means of several sets of figures, figure by figure.
    package init(meanOf figures: [Metrics]) {
        precondition(!figures.isEmpty)
        func mean(_ figure: (Metrics) -> Double) -> Double {
            figures.reduce(0) { $0 + figure($1) } / Double(figures.count)
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
