/// The curves of one model's predictions that a report plots.
struct Curves {
    /// Descending by probability.
    private let ranked: [(probability: Double, label: Bool)]
    private let positives: Int

    /// - Parameters:
    ///   - probabilities, labels: one an example.
    /// - Precondition: both labels occur.
    init(probabilities: [Double], labels: [Bool]) {
        ranked = zip(probabilities, labels).map { ($0, $1) }.sorted { $0.probability > $1.probability }
        positives = labels.count { $0 }
    }

    /// About `count` thresholds, descending: the examples predicted positive, and the true positives among them.
    private func thresholds(about count: Int) -> [(predicted: Int, hits: Int)] {
        var all: [(Int, Int)] = []
        var hits = 0
        for (index, example) in ranked.enumerated() {
            if example.label { hits += 1 }
            if index + 1 == ranked.count || ranked[index + 1].probability != example.probability {
                all.append((index + 1, hits))
            }
        }
        let step = max(1, all.count / count)
        return all.enumerated().filter { $0.offset % step == 0 || $0.offset == all.count - 1 }.map(\.element)
    }

    /// False positive rate and true positive rate.
    var roc: [(x: Double, y: Double)] {
        [(0, 0)]
            + thresholds(about: 150).map { predicted, hits in
                (Double(predicted - hits) / Double(ranked.count - positives), Double(hits) / Double(positives))
            }
    }

    /// Recall and precision.
    var precisionRecall: [(x: Double, y: Double)] {
        thresholds(about: 150).map { (Double($1) / Double(positives), Double($1) / Double($0)) }
    }

    /// Bins of fewer examples are left out of the calibration curve.
    private static let minimumInBin = 20

    /// Mean probability and positive rate in ten bins of equal width.
    var calibration: [(x: Double, y: Double)] {
        var bins = [(count: Int, sum: Double, hits: Int)](repeating: (0, 0, 0), count: 10)
        for example in ranked {
            let bin = min(Int(example.probability * 10), 9)
            bins[bin].count += 1
            bins[bin].sum += example.probability
            if example.label { bins[bin].hits += 1 }
        }
        return bins.filter { $0.count >= Self.minimumInBin }.map {
            ($0.sum / Double($0.count), Double($0.hits) / Double($0.count))
        }
    }

    /// Positive rate of each tenth of the examples, the most probable first, over that of all.
    var lift: [Double] {
        let rate = Double(positives) / Double(ranked.count)
        return (0..<10).map { tenth in
            let part = ranked[(tenth * ranked.count / 10)..<((tenth + 1) * ranked.count / 10)]
            return Double(part.count { $0.label }) / Double(max(part.count, 1)) / rate
        }
    }

    /// A histogram of the examples with a label, in bins of 0.05 of probability, as shares of all examples.
    func distribution(of label: Bool) -> [Double] {
        var bins = [Int](repeating: 0, count: 20)
        for example in ranked where example.label == label { bins[min(Int(example.probability * 20), 19)] += 1 }
        return bins.map { Double($0) / Double(ranked.count) }
    }
}
