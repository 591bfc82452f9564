import Ensemble
import Features
import Foundation
import Monitoring

/// The metrics of one artifact's models on TEST, in three evaluations.
package struct Evaluation: Equatable, Sendable {
    /// Which examples a metric is over.
    package enum Name: String, CaseIterable, Sendable {
        /// Every event.
        case e1 = "E1"
        /// The last event of each invoice.
        case e2 = "E2"
        /// All customers on the test observation dates.
        case e3 = "E3"

        var title: String {
            switch self {
            case .e1: "every event"
            case .e2: "last event of each invoice"
            case .e3: "snapshots (means over the cut-offs)"
            }
        }
    }

    /// 95 % intervals of a model's metrics, bootstrapped by customer. There is none for ECE: it is a sum of absolute
    /// values, which resampling makes larger.
    package struct Intervals: Codable, Equatable, Sendable {
        /// Area under the ROC curve.
        package let rocAUC: Interval?
        /// Area under the precision-recall curve.
        package let prAUC: Interval?
        /// Mean log loss, in nats.
        package let logLoss: Interval?
        /// Brier score.
        package let brier: Interval?
        /// Lift of the tenth with the highest probabilities.
        package let liftTopDecile: Interval?

        enum CodingKeys: String, CodingKey {
            case rocAUC = "roc_auc"
            case prAUC = "pr_auc"
            case logLoss = "log_loss"
            case brier
            case liftTopDecile = "lift_top_decile"
        }

        init(_ replicates: [BootstrapMetrics]) {
            rocAUC = Interval(replicates.map(\.rocAUC))
            prAUC = Interval(replicates.map(\.prAUC))
            logLoss = Interval(replicates.map(\.logLoss))
            brier = Interval(replicates.map(\.brier))
            liftTopDecile = Interval(replicates.map(\.liftTopDecile))
        }
    }

    /// The models that were evaluated, in the order of predictions.
    package let models: [ModelName]
    /// Metrics by evaluation and model; E3's are means over the observation dates.
    package internal(set) var metrics: [Name: [ModelName: Metrics]] = [:]
    /// Intervals by evaluation and model.
    package private(set) var intervals: [Name: [ModelName: Intervals]] = [:]
    /// E3's metrics on the first observation date.
    package private(set) var firstObservationDate: [ModelName: Metrics] = [:]
    /// The served model's metrics on parts of E2.
    package private(set) var slices: [Slice] = []
    /// The model whose probability is published.
    package let servingModel: ModelName

    /// Bootstrap replicates of an interval.
    static let replicates = 500

    /// - Parameter seed: decides the order of ties and the bootstrap's draws.
    /// - Complexity: O(models × replicates × examples).
    package init(_ predictions: TestPredictions, serving: ModelName, seed: UInt64) {
        models = predictions.models
        servingModel = serving
        let sets = predictions.sets
        let bootstrap = sets.bootstrap(replicates: Self.replicates, seed: seed)
        for name in Name.allCases {
            for model in models {
                let each = sets.indices[name]!.map { indices in
                    Metrics(
                        probabilities: predictions.probabilities(indices, model), labels: sets.labels(indices),
                        seed: seed)
                }
                metrics[name, default: [:]][model] = Metrics(meanOf: each)
                if name == .e3 { firstObservationDate[model] = each.first }
                intervals[name, default: [:]][model] = Intervals(
                    bootstrap.metrics(predictions.ranked(name, model, seed: seed)))
            }
        }
        slices = Slice.all(predictions, serving: serving, bootstrap, seed: seed)
    }
}
