import Events
import Foundation
import Monitoring

/// Figures of a sample in which each customer's points count as often as the customer was drawn.
struct SampleFigures: Equatable, Sendable {
    var rocAUC = 0.0
    var prAUC = 0.0
    var logLoss = 0.0
    var brier = 0.0
    var ece = 0.0
    var liftTopDecile = 0.0

    static let all: [WritableKeyPath<SampleFigures, Double> & Sendable] = [
        \.rocAUC, \.prAUC, \.logLoss, \.brier, \.ece, \.liftTopDecile,
    ]

    static func mean(_ figures: [SampleFigures]) -> SampleFigures {
        var mean = SampleFigures()
        for figure in all {
            mean[keyPath: figure] = figures.reduce(0) { $0 + $1[keyPath: figure] } / Double(figures.count)
        }
        return mean
    }
}

/// One model's predictions on one set of points, in descending order, ready to be weighed by customer.
struct RankedPredictions: Sendable {
    private let customers: [Int32]
    private let labels: [Bool]
    private let probabilities: [Double]
    private let losses: [Double]
    /// Points and positives of each customer that has any.
    private let counts: [(customer: Int32, points: Int32, positives: Int32)]

    /// - Parameter seed: decides the order of ties, which lift depends on.
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
        var counts: [Int32: (points: Int32, positives: Int32)] = [:]
        for (customer, label) in zip(customers, labels) {
            counts[customer, default: (0, 0)].points += 1
            if label { counts[customer]!.positives += 1 }
        }
        self.counts = counts.map { ($0.key, $0.value.points, $0.value.positives) }
    }

    /// The same figures as `Metrics`, in which ties of probability are one threshold.
    /// - Parameter weights: how often each customer was drawn, by number.
    /// - Complexity: O(points).
    func figures(_ weights: UnsafePointer<Int32>) -> SampleFigures {
        var (total, positives) = (0, 0)
        for count in counts {
            let weight = Int(weights[Int(count.customer)])
            total += weight * Int(count.points)
            positives += weight * Int(count.positives)
        }
        let negatives = total - positives
        guard positives > 0, negatives > 0 else {
            return SampleFigures(rocAUC: .nan, prAUC: .nan, logLoss: .nan, brier: .nan, ece: .nan, liftTopDecile: .nan)
        }
        let top = max(1, total / 10)
        var figures = SampleFigures()
        var (above, seen, hits) = (0, 0, 0)
        var (area, precision) = (0.0, 0.0)
        var (binProbability, binPositives, bin) = (0.0, 0.0, 9)
        var at = 0
        while at < labels.count {
            let probability = probabilities[at]
            var (tied, tiedPositives) = (0, 0)
            while at < labels.count, probabilities[at] == probability {
                let weight = Int(weights[Int(customers[at])])
                if weight > 0 {
                    figures.logLoss += Double(weight) * losses[at]
                    if labels[at] {
                        hits += max(0, min(weight, top - seen - tied))
                        tiedPositives += weight
                    }
                    tied += weight
                }
                at += 1
            }
            if tied == 0 { continue }
            let own = min(Int(probability * 10), 9)
            if own != bin {
                figures.ece += abs(binProbability - binPositives)
                (binProbability, binPositives, bin) = (0, 0, own)
            }
            binProbability += Double(tied) * probability
            binPositives += Double(tiedPositives)
            let tiedNegatives = tied - tiedPositives
            figures.brier +=
                Double(tiedPositives) * (1 - probability) * (1 - probability)
                + Double(tiedNegatives) * probability * probability
            area += Double(tiedNegatives) * (Double(above) + Double(tiedPositives) / 2)
            above += tiedPositives
            seen += tied
            precision += Double(tiedPositives) * Double(above) / Double(seen)
        }
        let count = Double(total)
        figures.rocAUC = area / Double(positives) / Double(negatives)
        figures.prAUC = precision / Double(positives)
        figures.logLoss /= count
        figures.brier /= count
        figures.ece = (figures.ece + abs(binProbability - binPositives)) / count
        figures.liftTopDecile = Double(hits) / Double(top) / (Double(positives) / count)
        return figures
    }
}

/// Resamples of customers, drawn with replacement: points of one customer are not independent, so that resampling points
/// would make intervals too narrow (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8).
struct Bootstrap: Sendable {
    let replicates: Int
    let seed: UInt64
    /// Customers that may be drawn, by number.
    let customers: [Int32]

    /// The figures when every customer counts once.
    func whole(_ samples: [RankedPredictions]) -> SampleFigures {
        let weights = [Int32](repeating: 1, count: Int((customers.max() ?? -1) + 1))
        return SampleFigures.mean(samples.map { $0.figures(weights) })
    }

    /// The figures of every resample; the same draws whatever the predictions, so that differences are paired.
    /// - Complexity: O(replicates × points), on all cores; what comes out does not depend on their number.
    func figures(_ samples: [RankedPredictions]) -> [SampleFigures] {
        let size = Int((customers.max() ?? -1) + 1)
        // Seeds of their own: streams of neighbouring seeds would be one stream, shifted.
        var seeds = SplitMix64(seed: seed)
        let own = (0..<replicates).map { _ in seeds.next() }
        var results = [SampleFigures](repeating: SampleFigures(), count: replicates)
        results.withUnsafeMutableBufferPointer { results in
            nonisolated(unsafe) let results = results
            DispatchQueue.concurrentPerform(iterations: replicates) { replicate in
                var generator = SplitMix64(seed: own[replicate])
                var weights = [Int32](repeating: 0, count: size)
                for _ in customers {
                    weights[Int(customers[Int(generator.next() % UInt64(customers.count))])] += 1
                }
                results[replicate] = SampleFigures.mean(samples.map { $0.figures(weights) })
            }
        }
        return results
    }
}

/// The middle 95 % of a figure over resamples.
package struct Interval: Codable, Equatable, Sendable {
    package let low: Double
    package let high: Double

    /// `nil` where too few resamples have a value.
    init?(_ values: [Double]) {
        let sorted = values.filter { !$0.isNaN }.sorted()
        guard sorted.count >= 40 else { return nil }
        low = sorted[Int((0.025 * Double(sorted.count - 1)).rounded())]
        high = sorted[Int((0.975 * Double(sorted.count - 1)).rounded())]
    }

    package init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        low = try container.decode(Double.self)
        high = try container.decode(Double.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(low)
        try container.encode(high)
    }
}
