import Ensemble
import Events
import Foundation
import Monitoring

/// A seeded random search over ranges of settings (J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter
/// Optimization", 2012), judged by rolling origins within TRAIN: TEST is not looked at.
package struct Tuning: Sendable {
    /// What one setting may be.
    package struct Range: Equatable, Sendable {
        package let name: String
        /// As the configuration says it.
        let text: String
        let low: Double
        let high: Double
        let isWhole: Bool
        let isLogarithmic: Bool

        /// `2..6` whole numbers, `0.5..1` any number, `0.01..1 log` evenly over orders of magnitude.
        /// - Returns: `nil` for a text that is none of these.
        package init?(name: String, _ text: String) {
            self.text = text
            var text = text
            isLogarithmic = text.hasSuffix(" log")
            if isLogarithmic { text.removeLast(4) }
            let ends = text.components(separatedBy: "..")
            guard ends.count == 2, let low = Double(ends[0]), let high = Double(ends[1]), low <= high,
                !isLogarithmic || low > 0, max(abs(low), abs(high)) < 1e9
            else { return nil }
            self.name = name
            (self.low, self.high) = (low, high)
            isWhole = Int(ends[0]) != nil && Int(ends[1]) != nil
        }

        /// A value as the configuration writes it.
        package func value(at share: Double) -> String {
            if isWhole { return "\(Int(low) + min(Int(share * (high - low + 1)), Int(high - low)))" }
            let value =
                isLogarithmic
                ? Elementary.exp(Elementary.log(low) + share * (Elementary.log(high) - Elementary.log(low)))
                : low + share * (high - low)
            // Four digits say all that matters, and the text reads back as the value that was tried.
            return "\(Double(String(format: "%.4g", value)) ?? value)"
        }
    }

    /// What a search may vary: all that comes after the points.
    package static let searchable = [
        "points.", "level.", "logistic_regression.", "random_forest.", "xgboost.", "folds",
    ]

    package struct Settings: Equatable, Sendable {
        /// In order of their names.
        package var ranges: [Range] = [
            ("logistic_regression.ridge", "0.001..0.1 log"), ("random_forest.max_depth", "5..9"),
            ("random_forest.min_child_weight", "10..150 log"), ("random_forest.column_sample", "0.05..0.3 log"),
            ("xgboost.rounds", "40..200"), ("xgboost.max_depth", "2..5"), ("xgboost.learning_rate", "0.03..0.12 log"),
            ("xgboost.min_child_weight", "20..200 log"), ("xgboost.column_sample", "0.1..0.5 log"),
            ("xgboost.lambda", "1..100 log"), ("points.half_life_days", "45..365 log"),
        ].sorted { $0.0 < $1.0 }.compactMap { Range(name: $0, $1) }
        package var origins = 3
        package var everyDays = 16

        package init() {}
    }

    /// One line of the file of results.
    package struct Trial: Codable, Equatable, Sendable {
        package let number: Int
        /// By name, over the configuration; empty in the first.
        package let settings: [String: String]
        /// The served model's log loss, summed over the evaluations; a mean over the origins. Less is better.
        package let score: Double
        /// The served model's figures by evaluation, means over the origins.
        package let rocAUC: [String: Double]
        package let logLoss: [String: Double]

        enum CodingKeys: String, CodingKey {
            case number, settings, score
            case rocAUC = "roc_auc"
            case logLoss = "log_loss"
        }
    }

    /// What a file of results is of, so that none is continued with anything else.
    package struct Header: Codable, Equatable, Sendable {
        package let history: String
        package let seed: Int
        package let ranges: [String]
        /// The configuration that trials vary.
        package let base: [String: String]
        package let origins: [String]
    }

    let settings: Settings
    let seed: Int
    private let points: ScoringPoints
    private let splits: [EvaluationProtocol]
    package let header: Header

    /// - Throws: `TrainingError` when TRAIN has no room for the origins.
    package init(
        _ prepared: TrainingRun.Prepared, base: TrainingSettings, ranges settings: Settings
    ) throws(TrainingError) {
        self.settings = settings
        seed = base.seed
        points = prepared.points
        splits = Backtest.splits(
            prepared.times.withoutTestPeriod, origins: settings.origins, everyDays: settings.everyDays)
        guard splits.count == settings.origins else {
            throw TrainingError(
                "the training period has room for \(splits.count) origins \(settings.everyDays) days apart, not "
                    + "\(settings.origins): give a longer history, or lower tuning.origins")
        }
        header = Header(
            history: prepared.survey.digest, seed: base.seed,
            ranges: settings.ranges.map { "\($0.name) \($0.text)" },
            base: base.record.merging([
                "serving_model": base.servingModel.rawValue, "state.time_to_live": "\(base.timeToLiveDays)d",
                "program": Manifest.programVersion, "xgboost": Booster.xgboostVersion,
            ]) { $1 },
            origins: splits.map { EventTime.text($0.split) })
    }

    /// The settings of a trial: the first tries the configuration as it is.
    /// - Complexity: O(ranges); a trial's settings do not depend on those before it.
    package func overrides(trial: Int) -> [String: String] {
        guard trial > 0 else { return [:] }
        var generator = SplitMix64(seed: contentHash(of: "\(seed) \(trial)"))
        return Dictionary(
            uniqueKeysWithValues: settings.ranges.map { ($0.name, $0.value(at: generator.uniform())) })
    }

    /// Trains and judges one trial.
    package func run(
        trial: Int, settings tried: TrainingSettings, progress: (Double) -> Void
    ) throws -> Trial {
        let backtest = try Backtest(points, splits, settings: tried, progress: progress)
        if let reason = backtest.notJudged.first { throw TrainingError(reason) }
        let model = tried.servingModel.rawValue
        func mean(_ figure: KeyPath<Metrics, Double>) -> [String: Double] {
            Dictionary(
                uniqueKeysWithValues: Evaluation.Name.allCases.map { name in
                    let values = backtest.origins.compactMap { $0.figures[name.rawValue]?[model]?[keyPath: figure] }
                    return (name.rawValue, values.reduce(0, +) / Double(max(values.count, 1)))
                })
        }
        let losses = mean(\.logLoss)
        return Trial(
            number: trial, settings: overrides(trial: trial),
            score: Evaluation.Name.allCases.reduce(0) { $0 + (losses[$1.rawValue] ?? 0) }, rocAUC: mean(\.rocAUC),
            logLoss: losses)
    }
}
