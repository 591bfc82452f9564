import Ensemble
import Events
import Monitoring

/// One part of E2's examples, such as those of new customers, with the served model's metrics on it.
package struct Slice: Codable, Equatable, Sendable {
    /// What the examples are divided by.
    package let group: String
    /// The part's name within its group.
    package let name: String
    /// The served model's metrics.
    package let metrics: Metrics
    /// The 95 % interval of the ROC-AUC.
    package let rocAUC: Interval?

    enum CodingKeys: String, CodingKey {
        case group, name
        case metrics = "figures"
        case rocAUC = "roc_auc_interval"
    }

    /// Slices of fewer examples are left out: their metrics are noise.
    private static let minimumExamples = 100

    /// The examples of every slice that has enough of them and both labels, in a fixed order.
    static func indices(_ sets: TestSets) -> [(group: String, name: String, indices: [Int])] {
        let all = sets.indices[.e2]![0]
        let months = Set(all.map { EventTime.text(sets.dataset[$0].time).prefix(7) }).sorted()
        var slices = RowSlice.all.map { slice in
            (slice.group, slice.name, all.filter { slice.contains(sets.dataset.features($0)) })
        }
        for month in months {
            slices.append(
                ("month", String(month), all.filter { EventTime.text(sets.dataset[$0].time).hasPrefix(month) }))
        }
        return slices.filter { slice in
            let positives = slice.2.count { sets.dataset[$0].label }
            return slice.2.count >= minimumExamples && positives > 0 && positives < slice.2.count
        }
    }

    /// The metrics of every slice, in the same order.
    static func all(
        _ predictions: TestPredictions, serving: ModelName, _ bootstrap: Bootstrap, seed: UInt64
    ) -> [Slice] {
        indices(predictions.sets).map { group, name, indices in
            Slice(
                group: group, name: name,
                metrics: Metrics(
                    probabilities: predictions.probabilities(indices, serving),
                    labels: predictions.sets.labels(indices), seed: seed),
                rocAUC: Interval(bootstrap.metrics([predictions.ranked(indices, serving, seed: seed)]).map(\.rocAUC)))
        }
    }
}
