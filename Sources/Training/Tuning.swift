import Ensemble
import Events
import Foundation
import Monitoring

/// A seeded random search over hyperparameters (J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter
/// Optimization", 2012). Trials are evaluated by a rolling-origin backtest within TRAIN; TEST is not used.
package struct Tuning: Sendable {
    /// The values that one setting may take.
    package struct Range: Equatable, Sendable {
        /// The setting's key in the configuration.
        package let name: String
        /// As the configuration writes it.
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

        /// A value, as the configuration writes it.
        /// - Parameter share: its position within the range, 0 up to but not including 1.
        package func value(at share: Double) -> String {
            if isWhole { return "\(Int(low) + min(Int(share * (high - low + 1)), Int(high - low)))" }
            let value =
                isLogarithmic
                ? Elementary.exp(Elementary.log(low) + share * (Elementary.log(high) - Elementary.log(low)))
                : low + share * (high - low)
            // Four digits are enough, and the text reads back as exactly the value that was tried.
            return "\(Double(String(format: "%.4g", value)) ?? value)"
        }
    }

    /// The prefixes of settings that a search may vary: those that leave the dataset as it is.
    package static let searchable = [
        "points.", "level.", "logistic_regression.", "random_forest.", "xgboost.", "folds",
    ]

    /// What may be configured about a search.
    package struct Settings: Equatable, Sendable {
        /// What is varied, in order of the names.
        package var ranges: [Range] = [
            ("logistic_regression.ridge", "0.001..0.1 log"), ("random_forest.max_depth", "5..9"),
            ("random_forest.min_child_weight", "10..150 log"), ("random_forest.column_sample", "0.05..0.3 log"),
            ("xgboost.rounds", "40..200"), ("xgboost.max_depth", "2..5"), ("xgboost.learning_rate", "0.03..0.12 log"),
            ("xgboost.min_child_weight", "20..200 log"), ("xgboost.column_sample", "0.1..0.5 log"),
            ("xgboost.lambda", "1..100 log"), ("points.half_life_days", "45..365 log"),
        ].sorted { $0.0 < $1.0 }.compactMap { Range(name: $0, $1) }
        /// Split dates of the backtest within TRAIN.
        package var origins = 3
        /// Days between splits, and days that each is tested on.
        package var everyDays = 16

        /// The defaults, as in `config/trainer.yaml`.
        package init() {}
    }

    /// One line of the file of results.
    package struct Trial: Codable, Equatable, Sendable {
        /// Counted from 0.
        package let number: Int
        /// Values that override the configuration, by key; empty in the first trial.
        package let settings: [String: String]
        /// The served model's log loss, summed over the evaluations and averaged over the origins; lower is better.
        package let score: Double
        /// The served model's ROC-AUC by evaluation, means over the origins.
        package let rocAUC: [String: Double]
        /// The served model's log loss by evaluation, means over the origins.
        package let logLoss: [String: Double]

        enum CodingKeys: String, CodingKey {
            case number, settings, score
            case rocAUC = "roc_auc"
            case logLoss = "log_loss"
        }
    }

    /// Identifies a search, so that a file of results is never continued by another one.
    package struct Header: Codable, Equatable, Sendable {
        /// The history's digest.
        package let history: String
        /// Decides the trials' settings.
        package let seed: Int
        /// Each range with its name.
        package let ranges: [String]
        /// The configuration that trials override.
        package let base: [String: String]
        /// Split dates, ISO 8601.
        package let origins: [String]
    }

    let settings: Settings
    let seed: Int
    private let dataset: Dataset
    private let splits: [EvaluationProtocol]
    /// Identifies this search.
    package let header: Header

    /// - Parameters:
    ///   - base: the configuration that trials override.
    ///   - settings: the ranges, and the backtest that trials are evaluated by.
    /// - Throws: `TrainingError` when TRAIN is too short for the origins.
    package init(
        _ prepared: TrainingRun.Prepared, base: TrainingSettings, ranges settings: Settings
    ) throws(TrainingError) {
        self.settings = settings
        seed = base.seed
        dataset = prepared.dataset
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

    /// The settings of a trial, which do not depend on earlier trials. The first trial is the configuration as it is.
    package func overrides(trial: Int) -> [String: String] {
        guard trial > 0 else { return [:] }
        var generator = SplitMix64(seed: contentHash(of: "\(seed) \(trial)"))
        return Dictionary(
            uniqueKeysWithValues: settings.ranges.map { ($0.name, $0.value(at: generator.uniform())) })
    }

    /// Trains and evaluates one trial.
    /// - Parameters:
    ///   - tried: the configuration with the trial's overrides.
    ///   - progress: called with the share that is done, 0...1.
    /// - Throws: `TrainingError` when an origin could not be evaluated.
    package func run(
        trial: Int, settings tried: TrainingSettings, progress: (Double) -> Void
    ) throws -> Trial {
        let backtest = try Backtest(dataset, splits, settings: tried, progress: progress)
        if let reason = backtest.notEvaluated.first { throw TrainingError(reason) }
        let model = tried.servingModel.rawValue
        func mean(_ metric: KeyPath<Metrics, Double>) -> [String: Double] {
            Dictionary(
                uniqueKeysWithValues: Evaluation.Name.allCases.map { name in
                    let values = backtest.origins.compactMap { $0.metrics[name.rawValue]?[model]?[keyPath: metric] }
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
