import Events
import Foundation

/// Two models on the same predictions, as labels come: the difference of their figures, with intervals that hold while one keeps
/// looking.
///
/// The intervals are asymptotic confidence sequences: with probability 95 % an interval holds the true difference at every look at
/// once, however often and whenever one looks (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory
/// and asymptotic confidence sequences", Annals of Statistics 52, 2024). Predictions of one customer are not independent: the
/// variance is that of customers' sums, for ROC-AUC of the sums of placement values (Obuchowski, "Nonparametric analysis of
/// clustered ROC curve data", Biometrics 53, 1997).
package struct PairedComparison: Sendable, Equatable {
    /// A difference and its interval.
    package struct Difference: Sendable, Equatable {
        /// Positive where the other model is better.
        package let value: Double
        /// Lower end of the interval.
        package let lower: Double
        /// Upper end of the interval.
        package let upper: Double
    }

    /// The figures of some predictions.
    package struct Figures: Sendable, Equatable {
        /// Predictions that both have made.
        package let predictions: Int
        /// Customers whom they are of.
        package let customers: Int
        /// Of log loss, nats, the other model's subtracted from the present one's; `nil` of too few customers.
        package let logLoss: Difference?
        /// Of ROC-AUC, the present model's subtracted from the other one's; `nil` of too few customers with either label.
        package let rocAUC: Difference?
    }

    /// A part of the predictions.
    package struct Slice: Sendable, Equatable {
        /// What rows are divided by.
        package let group: String
        /// The part's name within its group.
        package let name: String
        /// The part's figures.
        package let figures: Figures
    }

    /// What the intervals say.
    package enum Verdict: String, Sendable, CaseIterable {
        /// The other model's log loss is lower, and its ROC-AUC not clearly worse.
        case ahead
        /// The other model's log loss is higher.
        case behind
        /// Neither can be said.
        case undecided
    }

    /// The other model's version.
    package let version: String
    /// The version in service, which it is held against.
    package let champion: String
    /// Of all predictions of events that both have made.
    package let all: Figures
    /// Of their parts.
    package let slices: [Slice]

    /// Of so few customers nothing is said.
    package static let leastCustomers = 50
    /// The chance that the true difference is ever outside an interval.
    private static let alpha = 0.05
    /// The intervals are narrowest at about so many customers.
    private static let tunedFor = 1000.0

    /// What the intervals of all predictions say.
    package var verdict: Verdict {
        guard let logLoss = all.logLoss else { return .undecided }
        if logLoss.upper < 0 { return .behind }
        return logLoss.lower > 0 && (all.rocAUC?.upper ?? 0) >= 0 ? .ahead : .undecided
    }

    /// Compares every version that has scored beside the one in service with it, where labels are known.
    /// - Parameters:
    ///   - snapshots: of partitions.
    ///   - champion: the version in service.
    /// - Complexity: O(n log n) in the number of labeled predictions, for each version.
    package static func all(_ snapshots: [EvaluationSnapshot], champion: String) -> [PairedComparison] {
        var pairs: [String: [Pair]] = [:]
        for snapshot in snapshots { collect(snapshot, champion, into: &pairs) }
        return pairs.sorted { $0.key < $1.key }.map { version, pairs in
            PairedComparison(version: version, champion: champion, pairs)
        }
    }

    /// One event's predictions by both models, and its label.
    struct Pair {
        let before: Double
        let after: Double
        let isBought: Bool
        let customerHash: UInt64
        let slices: UInt16
    }

    /// Predictions of one event stand one behind the other.
    private static func collect(
        _ snapshot: EvaluationSnapshot, _ champion: String, into pairs: inout [String: [Pair]]
    ) {
        let versions = snapshot.versions
        let serving = versions.map { $0.models.firstIndex(of: $0.servingModel) ?? 0 }
        guard versions.contains(where: { $0.version != champion }) else { return }
        var event: [LabeledPrediction] = []
        func finish() {
            defer { event.removeAll(keepingCapacity: true) }
            guard event.count > 1, let own = event.first(where: { versions[Int($0.version)].version == champion })
            else { return }
            for other in event where other.version != own.version {
                let version = versions[Int(other.version)].version
                guard version != champion else { continue }
                pairs[version, default: []].append(
                    Pair(
                        before: own.probabilities[serving[Int(own.version)]],
                        after: other.probabilities[serving[Int(other.version)]], isBought: own.label == .bought,
                        customerHash: own.customerHash, slices: own.slices))
            }
        }
        for prediction in snapshot.predictions
        where !prediction.isScheduled && !prediction.label.isPending
            && snapshot.evaluatedTimes.contains(prediction.time)
        {
            if let last = event.last,
                (last.offset, last.line, last.customerHash)
                    != (prediction.offset, prediction.line, prediction.customerHash)
            {
                finish()
            }
            event.append(prediction)
        }
        finish()
    }

    init(version: String, champion: String, _ pairs: [Pair]) {
        self.version = version
        self.champion = champion
        all = Self.figures(pairs)
        slices = RowSlice.all.enumerated().compactMap { place, slice in
            let part = pairs.filter { $0.slices & 1 << UInt16(place) != 0 }
            return part.isEmpty ? nil : Slice(group: slice.group, name: slice.name, figures: Self.figures(part))
        }
    }

    static func figures(_ pairs: [Pair]) -> Figures {
        let customers = Set(pairs.map(\.customerHash)).count
        guard customers >= leastCustomers else {
            return Figures(predictions: pairs.count, customers: customers, logLoss: nil, rocAUC: nil)
        }
        let losses = pairs.map { loss($0.before, $0.isBought) - loss($0.after, $0.isBought) }
        let mean = losses.reduce(0, +) / Double(losses.count)
        let influences = losses.map { ($0 - mean) / Double(losses.count) }
        return Figures(
            predictions: pairs.count, customers: customers,
            logLoss: difference(mean, influences, pairs, customers), rocAUC: areaDifference(pairs, customers))
    }

    private static func loss(_ probability: Double, _ label: Bool) -> Double {
        let clipped = min(max(probability, 1e-15), 1 - 1e-15)
        return -Elementary.log(label ? clipped : 1 - clipped)
    }

    /// `nil` where a label has too few customers.
    private static func areaDifference(_ pairs: [Pair], _ customers: Int) -> Difference? {
        let labels = pairs.map(\.isBought)
        for label in [false, true] {
            let its = Set(pairs.lazy.filter { $0.isBought == label }.map(\.customerHash)).count
            guard its >= leastCustomers / 2 else { return nil }
        }
        let (old, new) = (Placements(pairs.map(\.before), labels), Placements(pairs.map(\.after), labels))
        return difference(
            new.area - old.area, zip(new.influences, old.influences).map { $0 - $1 }, pairs, customers)
    }

    /// A difference that is asymptotically a sum of these influences.
    private static func difference(
        _ value: Double, _ influences: [Double], _ pairs: [Pair], _ customers: Int
    ) -> Difference {
        var sums: [UInt64: Double] = [:]
        for (pair, influence) in zip(pairs, influences) { sums[pair.customerHash, default: 0] += influence }
        // In a fixed order, so that the same predictions give the same figures.
        let squares = sums.sorted { $0.key < $1.key }.reduce(0.0) { $0 + $1.value * $1.value }
        let count = Double(customers)
        let error = (squares * count / (count - 1)).squareRoot()
        let width = error * boundary(count)
        return Difference(value: value, lower: value - width, upper: value + width)
    }

    /// How many standard errors an interval is wide on either side, of so many customers.
    static func boundary(_ customers: Double) -> Double {
        let spent = -2 * log(alpha)
        let scale = (spent + log(spent + 1)) / tunedFor
        let information = customers * scale + 1
        return (2 * information / (customers * scale) * log(information.squareRoot() / alpha)).squareRoot()
    }
}

/// The ROC-AUC of some examples, and what each adds to it: its share of the others' that it is placed right of, or left of.
private struct Placements {
    let area: Double
    /// Of each example, its share of the difference between the estimate and the true area.
    let influences: [Double]

    /// - Precondition: there are examples of both labels.
    init(_ probabilities: [Double], _ labels: [Bool]) {
        let order = probabilities.indices.sorted { (probabilities[$0], $0) < (probabilities[$1], $1) }
        let positives = labels.count { $0 }
        let negatives = labels.count - positives
        var placed = [Double](repeating: 0, count: labels.count)
        var (start, positivesBelow, negativesBelow, sum) = (0, 0, 0, 0.0)
        while start < order.count {
            var end = start
            while end < order.count, probabilities[order[end]] == probabilities[order[start]] { end += 1 }
            let tiedPositives = order[start..<end].count { labels[$0] }
            let tiedNegatives = end - start - tiedPositives
            for index in order[start..<end] {
                if labels[index] {
                    placed[index] = (Double(negativesBelow) + Double(tiedNegatives) / 2) / Double(negatives)
                    sum += placed[index]
                } else {
                    let above = positives - positivesBelow - tiedPositives
                    placed[index] = (Double(above) + Double(tiedPositives) / 2) / Double(positives)
                }
            }
            (positivesBelow, negativesBelow, start) = (
                positivesBelow + tiedPositives, negativesBelow + tiedNegatives, end
            )
        }
        let area = sum / Double(positives)
        self.area = area
        influences = placed.indices.map {
            (placed[$0] - area) / Double(labels[$0] ? positives : negatives)
        }
    }
}
