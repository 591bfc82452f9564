import Customers
import Ensemble
import Features

/// Everything that may be configured about training. The defaults are those of `config/trainer.yaml`.
package struct TrainingSettings: Equatable, Sendable {
    /// How the total training weight is divided among the three kinds of examples, and how it decays with age.
    package struct ExampleShares: Equatable, Sendable {
        /// Share of the events; within it, a customer's share is the square root of their number of events.
        package var events = 0.3
        /// Share of the last events of invoices, each weighted alike.
        package var invoices = 0.2
        /// Share of the examples on observation dates, each weighted alike.
        package var observations = 0.5
        /// Age at which an example weighs half as much as the latest one, days.
        package var halfLifeDays = 90.0

        /// The defaults.
        package init() {}
    }

    /// Settings of the logistic regression.
    package struct Logistic: Equatable, Sendable {
        /// Penalty on squared weights, per unit of training weight.
        package var ridge = 0.01

        /// The defaults.
        package init() {}
    }

    /// Settings of one tree model, by XGBoost's names.
    package struct Trees: Equatable, Sendable {
        /// Boosting rounds.
        package var rounds: Int
        /// Trees that each round adds side by side.
        package var parallelTrees: Int
        /// Most levels of a tree.
        package var maxDepth: Int
        /// Factor on each tree's leaf values.
        package var learningRate: Double
        /// Smallest sum of hessians in a leaf.
        package var minChildWeight: Double
        /// Share of the rows that each tree is fitted on.
        package var subsample: Double
        /// Share of the features offered: to each tree of the boosted model, to each node of the forest.
        package var columnSample: Double
        /// L2 penalty on leaf values.
        package var lambda: Double

        /// All settings, by name.
        package init(
            rounds: Int, parallelTrees: Int, maxDepth: Int, learningRate: Double, minChildWeight: Double,
            subsample: Double, columnSample: Double, lambda: Double
        ) {
            self.rounds = rounds
            self.parallelTrees = parallelTrees
            self.maxDepth = maxDepth
            self.learningRate = learningRate
            self.minChildWeight = minChildWeight
            self.subsample = subsample
            self.columnSample = columnSample
            self.lambda = lambda
        }
    }

    /// Decides every random choice of training and evaluation.
    package var seed = 20111
    /// How far ahead predictions look.
    package var horizon = Horizon.standard
    /// The features of that horizon.
    var schema: FeatureSchema { FeatureSchema(horizon) }
    /// Threads that fit models. The result does not depend on it.
    package var threads = 2
    /// How long a customer's state outlives their last event, days. Serving must be set to the same.
    package var timeToLiveDays = CustomerTable.defaultTimeToLiveDays
    /// The split into TRAIN and TEST, and the observation dates.
    package var evaluation = EvaluationProtocol.Settings()
    /// The weights of the examples.
    package var shares = ExampleShares()
    /// Features that are computed but not trained on. By default those that tell the time of the year: a history of one year
    /// has each season once, and what a model learns of one misleads in the next.
    package var withheldFeatures: [Feature] = [.avgMonth, .stdMonth]
    /// The logistic regression.
    package var logisticRegression = Logistic()
    /// The random forest: one round of parallel trees.
    package var randomForest = Trees(
        rounds: 1, parallelTrees: 60, maxDepth: 8, learningRate: 1, minChildWeight: 60, subsample: 0.5,
        columnSample: 0.08, lambda: 1)
    /// The boosted trees.
    package var xgboost = Trees(
        rounds: 110, parallelTrees: 1, maxDepth: 4, learningRate: 0.06, minChildWeight: 100, subsample: 0.6,
        columnSample: 0.2, lambda: 50)
    /// Half-life of the base-rate correction, days: a model's mean probability is set to the positive rate of the training
    /// examples, weighted with this decay instead of that of `shares`.
    package var baseRateHalfLifeDays = 60.0
    /// Time folds for out-of-fold predictions.
    package var folds = 4
    /// The model whose probability is published.
    package var servingModel = ModelName.blending

    /// The rolling-origin evaluation.
    package var backtest = Backtest.Settings()
    /// The hyperparameter search.
    package var tuning = Tuning.Settings()
    /// The checks of a history before training.
    package var checks = DataChecks()
    /// The rules for promotion.
    package var gate = QualityGate()
    /// Whether a challenger that has passed is refitted on all examples whose labels are known, and the refit is served.
    package var refit = false
    /// Number of latest artifacts to keep, beside the one in service and the one before it.
    package var keep = 10

    /// The defaults.
    package init() {}

    /// The settings that change what is trained, by configuration key, as a manifest records them.
    var record: [String: String] {
        func trees(_ name: String, _ s: Trees) -> [String: String] {
            [
                "\(name).rounds": "\(s.rounds)", "\(name).parallel_trees": "\(s.parallelTrees)",
                "\(name).max_depth": "\(s.maxDepth)",
                "\(name).learning_rate": "\(s.learningRate)", "\(name).min_child_weight": "\(s.minChildWeight)",
                "\(name).subsample": "\(s.subsample)", "\(name).column_sample": "\(s.columnSample)",
                "\(name).lambda": "\(s.lambda)",
            ]
        }
        let others = [
            "points.events": "\(shares.events)", "points.invoices": "\(shares.invoices)",
            "points.snapshots": "\(shares.observations)", "points.half_life_days": "\(shares.halfLifeDays)",
            "level.half_life_days": "\(baseRateHalfLifeDays)",
            "logistic_regression.ridge": "\(logisticRegression.ridge)",
            "withheld_features": withheldFeatures.map { $0.name(for: horizon) }.joined(separator: ","),
            "folds": "\(folds)",
            "refit": "\(refit)",
        ]
        return others.merging(evaluation.record) { $1 }.merging(trees("random_forest", randomForest)) { $1 }.merging(
            trees("xgboost", xgboost)
        ) { $1 }
    }
}
