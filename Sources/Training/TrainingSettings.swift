import Customers
import Ensemble
import Features

/// What a training run may be told. The defaults are what `config/trainer.yaml` says.
package struct TrainingSettings: Equatable, Sendable {
    /// Shares of the total training weight that the three kinds of points get.
    package struct PointShares: Equatable, Sendable {
        /// Events; a customer's events share the square root of their number.
        package var events = 0.3
        /// Last events of invoices, each alike.
        package var invoices = 0.2
        /// Weekly snapshots, each alike.
        package var snapshots = 0.5
        /// Age at which a point counts half as much as the latest one, days.
        package var halfLifeDays = 90.0

        package init() {}
    }

    package struct Logistic: Equatable, Sendable {
        /// Penalty on squared weights, per unit of training weight.
        package var ridge = 0.01

        package init() {}
    }

    /// Settings of one tree member, by XGBoost's names.
    package struct Trees: Equatable, Sendable {
        /// Rounds of boosting, and trees that each of them adds side by side.
        package var rounds: Int
        package var parallelTrees: Int
        package var maxDepth: Int
        package var learningRate: Double
        package var minChildWeight: Double
        package var subsample: Double
        /// Share of the features offered: to each tree in the boosted member, to each node in the forest.
        package var columnSample: Double
        package var lambda: Double

        package init(
            rounds: Int, parallelTrees: Int, maxDepth: Int, learningRate: Double, minChildWeight: Double,
            subsample: Double,
            columnSample: Double, lambda: Double
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

    package var seed = 20111
    package var threads = 2
    /// How long a customer's state outlives their last event. Serving must be told the same.
    package var timeToLiveDays = CustomerTable.defaultTimeToLiveDays
    package var evaluation = EvaluationProtocol.Settings()
    package var shares = PointShares()
    /// Features that no member may learn from; they are there all the same. By default those that tell the time of the
    /// year: a history of a year has each season once, and what was learned of one misleads in the next.
    package var withheldFeatures: [Feature] = [.avgMonth, .stdMonth]
    package var logisticRegression = Logistic()
    package var randomForest = Trees(
        rounds: 1, parallelTrees: 60, maxDepth: 8, learningRate: 1, minChildWeight: 60, subsample: 0.5,
        columnSample: 0.08, lambda: 1)
    package var xgboost = Trees(
        rounds: 110, parallelTrees: 1, maxDepth: 4, learningRate: 0.06, minChildWeight: 100, subsample: 0.6,
        columnSample: 0.2, lambda: 50)
    /// The models' mean probability is the positive rate of the training points, whose weights are halved once more for
    /// every so many days of age.
    package var levelHalfLifeDays = 60.0
    /// Blocks of time, oldest first, that members predict without having seen them or anything later.
    package var folds = 4
    package var servingModel = ModelName.blending

    package var backtest = Backtest.Settings()
    package var tuning = Tuning.Settings()
    package var checks = DataChecks()
    package var gate = Gate()
    /// Whether what has passed is fitted anew on all points whose labels are known, and that is served.
    package var refit = false
    /// Artifacts that are kept, beside the one in service and the one before it.
    package var keep = 10

    package init() {}

    /// The settings that change what is trained, as the manifest records them.
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
            "points.snapshots": "\(shares.snapshots)", "points.half_life_days": "\(shares.halfLifeDays)",
            "level.half_life_days": "\(levelHalfLifeDays)", "logistic_regression.ridge": "\(logisticRegression.ridge)",
            "withheld_features": withheldFeatures.map(\.name).joined(separator: ","), "folds": "\(folds)",
            "refit": "\(refit)",
        ]
        return others.merging(evaluation.record) { $1 }.merging(trees("random_forest", randomForest)) { $1 }.merging(
            trees("xgboost", xgboost)
        ) { $1 }
    }
}
