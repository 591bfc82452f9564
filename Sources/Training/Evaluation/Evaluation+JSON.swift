import Ensemble
import Monitoring

extension Evaluation {
    /// `results.json`: evaluation, then model, then metric, with `intervals` beside the metrics and, in E3, `first` for
    /// the first observation date. `slices` stands beside the evaluations.
    package func json() throws -> [UInt8] {
        var evaluations: [String: [String: ModelResults]] = [:]
        for (name, models) in metrics {
            for (model, metrics) in models {
                evaluations[name.rawValue, default: [:]][model.rawValue] = ModelResults(
                    metrics: metrics, intervals: intervals[name]?[model],
                    first: name == .e3 ? firstObservationDate[model] : nil)
            }
        }
        return try encoded(Results(evaluations: evaluations, slices: slices))
    }

    private struct ModelResults: Encodable {
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

    private struct Results: Encodable {
        let evaluations: [String: [String: ModelResults]]
        let slices: [Slice]

        enum CodingKeys: CodingKey { case slices }

        func encode(to encoder: any Encoder) throws {
            try evaluations.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(slices, forKey: .slices)
        }
    }
}
