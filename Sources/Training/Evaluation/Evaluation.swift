import Ensemble
import Features
import Foundation
import Monitoring

/// The three evaluations of one artifact on TEST.
package struct Evaluation: Equatable, Sendable {
    package enum Name: String, CaseIterable, Sendable {
        /// Every event.
        case e1 = "E1"
        /// The last event of each invoice.
        case e2 = "E2"
        /// Customers at cut-offs.
        case e3 = "E3"

        var title: String {
            switch self {
            case .e1: "every event"
            case .e2: "last event of each invoice"
            case .e3: "snapshots (means over the cut-offs)"
            }
        }
    }

    /// 95 % intervals of a model's figures, bootstrapped by customer. Not of ECE: it is a sum of absolute values, which
    /// resampling makes larger.
    package struct Intervals: Codable, Equatable, Sendable {
        package let rocAUC: Interval?
        package let prAUC: Interval?
        package let logLoss: Interval?
        package let brier: Interval?
        package let liftTopDecile: Interval?

        enum CodingKeys: String, CodingKey {
            case rocAUC = "roc_auc"
            case prAUC = "pr_auc"
            case logLoss = "log_loss"
            case brier
            case liftTopDecile = "lift_top_decile"
        }

        init(_ figures: [SampleFigures]) {
            rocAUC = Interval(figures.map(\.rocAUC))
            prAUC = Interval(figures.map(\.prAUC))
            logLoss = Interval(figures.map(\.logLoss))
            brier = Interval(figures.map(\.brier))
            liftTopDecile = Interval(figures.map(\.liftTopDecile))
        }
    }

    package let models: [ModelName]
    /// Figures by evaluation and model; in E3 means over the cut-offs.
    package private(set) var figures: [Name: [ModelName: Metrics]] = [:]
    package private(set) var intervals: [Name: [ModelName: Intervals]] = [:]
    /// E3's figures at the first cut-off.
    package private(set) var firstSnapshot: [ModelName: Metrics] = [:]
    /// Parts of E2, as the served model ranks them.
    package private(set) var slices: [Slice] = []
    package let servingModel: ModelName

    /// Resamples for intervals.
    static let replicates = 500

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
                figures[name, default: [:]][model] = Metrics(meanOf: each)
                if name == .e3 { firstSnapshot[model] = each.first }
                intervals[name, default: [:]][model] = Intervals(
                    bootstrap.figures(predictions.ranked(name, model, seed: seed)))
            }
        }
        slices = Slice.all(predictions, serving: serving, bootstrap, seed: seed)
    }

    /// `results.json`: evaluation, model, metric with `intervals`; E3's models hold `first` too; `slices` beside them.
    package func json() throws -> [UInt8] {
        struct Figures: Encodable {
            let metrics: Metrics
            let intervals: Intervals?
            let first: Metrics?
            enum CodingKeys: CodingKey { case first, intervals }

            func encode(to encoder: any Encoder) throws {
                try metrics.encode(to: encoder)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encodeIfPresent(first, forKey: .first)
                try container.encodeIfPresent(intervals, forKey: .intervals)
            }
        }
        struct Results: Encodable {
            let evaluations: [String: [String: Figures]]
            let slices: [Slice]

            func encode(to encoder: any Encoder) throws {
                try evaluations.encode(to: encoder)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(slices, forKey: .slices)
            }
            enum CodingKeys: CodingKey { case slices }
        }
        var results: [String: [String: Figures]] = [:]
        for (name, models) in figures {
            for (model, metrics) in models {
                results[name.rawValue, default: [:]][model.rawValue] = Figures(
                    metrics: metrics, intervals: intervals[name]?[model],
                    first: name == .e3 ? firstSnapshot[model] : nil)
            }
        }
        return try encoded(Results(evaluations: results, slices: slices))
    }

    /// The figures as a table for people.
    package func table() -> String {
        var lines: [String] = []
        for name in Name.allCases {
            guard let models = figures[name], let any = models.values.first else { continue }
            lines.append("\(name.rawValue), \(name.title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))")
            lines.append(
                "  model                 ROC-AUC   (95 % interval)  PR-AUC  log loss   Brier     ECE    lift      F1")
            for model in self.models {
                guard let m = models[model] else { continue }
                let mark = model == servingModel ? "*" : " "
                let label = (model.rawValue + mark).padding(toLength: 21, withPad: " ", startingAt: 0)
                let interval = intervals[name]?[model]?.rocAUC.map { "\(fixed($0.low, 4)) - \(fixed($0.high, 4))" }
                lines.append(
                    "  " + label + right(fixed(m.rocAUC, 4), 8) + right(interval ?? "", 18)
                        + zip([m.prAUC, m.logLoss, m.brier, m.ece, m.liftTopDecile, m.f1], [8, 10, 8, 8, 8, 8]).map {
                            right(fixed($0, 4), $1)
                        }.joined())
            }
            lines.append("")
        }
        lines.append(
            "* served. All figures are on TEST, which nothing was fitted or chosen on; intervals are by customer.")
        return lines.joined(separator: "\n")
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
