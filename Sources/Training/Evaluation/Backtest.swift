import Ensemble
import Events
import Foundation
import Monitoring

/// A rolling-origin evaluation: trains the same settings at several split dates and evaluates each on the days after it.
///
/// It shows whether quality is stable over time, and whether the split of the main evaluation was a lucky one.
package struct Backtest: Codable, Equatable, Sendable {
    /// What may be configured.
    package struct Settings: Equatable, Sendable {
        /// Split dates; 0 leaves the backtest out.
        package var origins = 3
        /// Days between splits, and days that each is tested on.
        package var everyDays = 31

        /// The defaults, as in `config/trainer.yaml`.
        package init() {}
    }

    /// One split with its metrics.
    package struct Origin: Codable, Equatable, Sendable {
        /// ISO 8601: TRAIN's labels end and TEST begins.
        package let split: String
        /// ISO 8601: the latest time of a TEST example.
        package let lastExample: String
        /// Metrics by evaluation and model.
        package let metrics: [String: [String: Metrics]]

        enum CodingKeys: String, CodingKey {
            case split
            case metrics = "figures"
            case lastExample = "last_point"
        }
    }

    /// The splits that were evaluated, ascending.
    package private(set) var origins: [Origin] = []
    /// The splits that could not be trained or evaluated, each with the reason.
    package private(set) var notEvaluated: [String] = []

    enum CodingKeys: String, CodingKey {
        case origins
        case notEvaluated = "not_judged"
    }

    /// The splits that a history has room for, ascending: one period apart, the last of them a whole period before the
    /// end of what is known.
    static func splits(_ times: EvaluationProtocol, origins: Int, everyDays: Int) -> [EvaluationProtocol] {
        let period = Int64(everyDays) * EvaluationProtocol.day
        var last = times.split
        while last + 2 * period <= times.lastTest { last += period }
        return (0..<origins).reversed().map { last - Int64($0) * period }
            // The folds need this much history.
            .filter { $0 - times.horizon - times.start >= 90 * EvaluationProtocol.day }
            .map { times.split(at: $0, testDays: everyDays) }
    }

    /// Trains and evaluates at every split.
    /// - Parameter progress: called with the share that is done, 0...1.
    /// - Throws: `TrainingError`.
    init(
        _ dataset: Dataset, _ splits: [EvaluationProtocol], settings: TrainingSettings, progress: (Double) -> Void
    ) throws {
        for (number, split) in splits.enumerated() {
            do {
                let sets = try TestSets(dataset, split)
                let result = try Trainer(settings: settings).train(dataset, protocol: split) { _, share in
                    progress((Double(number) + share) / Double(splits.count))
                }
                let predictions = TestPredictions(result.ensemble, on: sets)
                origins.append(Self.origin(split, predictions, UInt64(settings.seed)))
            } catch let error as DataError {
                notEvaluated.append("\(EventTime.text(split.split)): \(error)")
            }
        }
    }

    private static func origin(_ times: EvaluationProtocol, _ predictions: TestPredictions, _ seed: UInt64) -> Origin {
        var metrics: [String: [String: Metrics]] = [:]
        for name in Evaluation.Name.allCases {
            for model in predictions.models {
                metrics[name.rawValue, default: [:]][model.rawValue] = Metrics(
                    meanOf: predictions.sets.indices[name]!.map { indices in
                        Metrics(
                            probabilities: predictions.probabilities(indices, model),
                            labels: predictions.sets.labels(indices), seed: seed)
                    })
            }
        }
        return Origin(split: EventTime.text(times.split), lastExample: EventTime.text(times.lastTest), metrics: metrics)
    }
}
