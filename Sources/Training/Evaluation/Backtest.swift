import Ensemble
import Events
import Foundation
import Monitoring

/// The same settings trained anew at several dates, each time judged by what came after: whether quality lasts, and
/// whether the split that everything else is told of was a lucky one.
package struct Backtest: Codable, Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        /// Split dates; 0 leaves the backtest out.
        package var origins = 3
        /// Days between them, and days that each is judged by.
        package var everyDays = 31

        package init() {}
    }

    package struct Origin: Codable, Equatable, Sendable {
        /// ISO 8601; TRAIN's labels end here and the points that judge begin.
        package let split: String
        package let lastPoint: String
        /// By evaluation and model.
        package let figures: [String: [String: Metrics]]

        enum CodingKeys: String, CodingKey {
            case split, figures
            case lastPoint = "last_point"
        }
    }

    package private(set) var origins: [Origin] = []
    /// Splits that could not be trained or judged, and why.
    package private(set) var notJudged: [String] = []

    enum CodingKeys: String, CodingKey {
        case origins
        case notJudged = "not_judged"
    }

    /// The splits that a history has room for, ascending: one period apart, the last of them a whole period before the
    /// end of what is known.
    static func splits(_ times: EvaluationProtocol, origins: Int, everyDays: Int) -> [EvaluationProtocol] {
        let period = Int64(everyDays) * EvaluationProtocol.day
        var last = times.split
        while last + 2 * period <= times.lastTest { last += period }
        return (0..<origins).reversed().map { last - Int64($0) * period }
            // As much to learn from as the folds need.
            .filter { $0 - EvaluationProtocol.horizon - times.start >= 90 * EvaluationProtocol.day }
            .map { times.split(at: $0, testDays: everyDays) }
    }

    /// Trains at every split.
    /// - Parameter progress: told what share of them is behind.
    init(
        _ points: ScoringPoints, _ splits: [EvaluationProtocol], settings: TrainingSettings, progress: (Double) -> Void
    ) throws {
        for (number, split) in splits.enumerated() {
            do {
                let sets = try TestSets(points, split)
                let result = try Trainer(settings: settings).train(points, protocol: split) { _, share in
                    progress((Double(number) + share) / Double(splits.count))
                }
                let predictions = TestPredictions(result.ensemble, on: sets)
                origins.append(Self.origin(split, predictions, UInt64(settings.seed)))
            } catch let error as DataError {
                notJudged.append("\(EventTime.text(split.split)): \(error)")
            }
        }
    }

    private static func origin(_ times: EvaluationProtocol, _ predictions: TestPredictions, _ seed: UInt64) -> Origin {
        var figures: [String: [String: Metrics]] = [:]
        for name in Evaluation.Name.allCases {
            for model in predictions.models {
                figures[name.rawValue, default: [:]][model.rawValue] = Metrics(
                    meanOf: predictions.sets.indices[name]!.map { indices in
                        Metrics(
                            probabilities: predictions.probabilities(indices, model),
                            labels: predictions.sets.labels(indices), seed: seed)
                    })
            }
        }
        return Origin(split: EventTime.text(times.split), lastPoint: EventTime.text(times.lastTest), figures: figures)
    }
}
