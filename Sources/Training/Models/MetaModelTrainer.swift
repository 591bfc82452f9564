import Ensemble
import Events
import Features

/// Fits the meta-models: how the base models' raw log-odds become the probabilities of the five models.
///
/// Calibration slopes, stacking and blending weights are fitted on out-of-fold predictions. The base-rate correction is
/// fitted on the final base models' own training examples: a base model that was fitted on half of the history predicts
/// another base rate, differently in each fold. So each fold has an intercept of its own, and none of these is kept.
enum MetaModelTrainer {
    /// - Parameters:
    ///   - outOfFold: predictions for the validation examples of each fold, oldest first; at least one fold.
    ///   - inSample: predictions of the final base models for their own training examples, weighted as the base rate is
    ///     to be estimated.
    /// - Returns: a weight for each base model's log-odds and an intercept, for each of the five models.
    static func fit(outOfFold: [BaseModelPredictions], inSample: BaseModelPredictions) -> Ensemble.Weights {
        // A forest's log-odds are too narrow, since averaging trees draws them to the middle. Half of the correction is
        // taken, as few folds do not tell its size well.
        let forestSlope = 1 + (plattSlope(of: 1, outOfFold) - 1) / 2
        let slopes = [1, forestSlope, 1]
        func model(_ weights: [Double]) -> LogOddsWeights {
            correctingBaseRate(zip(weights, slopes).map { $0 * $1 }, inSample)
        }
        return [
            .logisticRegression: model([1, 0, 0]), .randomForest: model([0, 1, 0]), .xgboost: model([0, 0, 1]),
            .stacking: model(stackingWeights(outOfFold, slopes)), .blending: model(blendingWeights(outOfFold, slopes)),
        ]
    }

    /// The slope of a base model's Platt scaling (J. Platt, "Probabilistic outputs for support vector machines", 1999),
    /// with an intercept for each fold.
    private static func plattSlope(of model: Int, _ folds: [BaseModelPredictions]) -> Double {
        regression(folds, prior: [1], ridge: 1e-6) { fold, row in [fold.logOdds[model][row]] }[0]
    }

    /// Stacked generalisation (D. Wolpert, 1992): a logistic regression over the base models' log-odds with a prior of
    /// equal weights. The weights' sum is capped at 1, as base models agree more on what they were fitted on.
    private static func stackingWeights(_ folds: [BaseModelPredictions], _ slopes: [Double]) -> [Double] {
        let weights = regression(folds, prior: [Double](repeating: 1.0 / 3, count: 3), ridge: 0.02) { fold, row in
            fold.logOdds.indices.map { slopes[$0] * fold.logOdds[$0][row] }
        }
        let sum = max(weights.reduce(0, +), 1)
        return weights.map { $0 / sum }
    }

    /// A logistic regression with an intercept for each fold.
    /// - Returns: the coefficients without the intercepts.
    private static func regression(
        _ folds: [BaseModelPredictions], prior: [Double], ridge: Double,
        _ features: (BaseModelPredictions, Int) -> [Double]
    ) -> [Double] {
        let others = folds.count - 1
        var (design, labels, weights): ([Double], [Bool], [Double]) = ([], [], [])
        for (number, fold) in folds.enumerated() {
            for row in fold.labels.indices {
                design += (1...max(others, 1)).prefix(others).map { $0 == number ? 1.0 : 0 }
                design += features(fold, row)
            }
            labels += fold.labels
            weights += fold.weights
        }
        let solution = LogisticTrainer.newton(
            design, width: others + prior.count, labels: labels, weights: weights, ridge: ridge, free: others,
            prior: [Double](repeating: 0, count: others) + prior)
        return Array(solution[(1 + others)...])
    }

    /// A logarithmic opinion pool: non-negative weights that sum to 1, fitted on the latest fold by exponentiated
    /// gradient (J. Kivinen and M. Warmuth, 1997), then averaged with equal weights.
    private static func blendingWeights(_ folds: [BaseModelPredictions], _ slopes: [Double]) -> [Double] {
        let latest = folds[folds.count - 1]
        let total = latest.weights.reduce(0, +)
        var weights = [Double](repeating: 1.0 / 3, count: 3)
        for _ in 0..<300 {
            let intercept = correctingBaseRate(zip(weights, slopes).map { $0 * $1 }, latest).intercept
            var gradient = [0.0, 0.0, 0.0]
            for row in latest.labels.indices {
                let scaled = latest.logOdds.indices.map { slopes[$0] * latest.logOdds[$0][row] }
                let logOdds = zip(weights, scaled).reduce(intercept) { $0 + $1.0 * $1.1 }
                let residual = Elementary.sigmoid(logOdds) - (latest.labels[row] ? 1 : 0)
                for (model, value) in scaled.enumerated() {
                    gradient[model] += latest.weights[row] * residual * value / total
                }
            }
            weights = zip(weights, gradient).map { $0 * Elementary.exp(-2 * $1) }
            let sum = weights.reduce(0, +)
            weights = weights.map { $0 / sum }
        }
        return weights.map { ($0 + 1.0 / 3) / 2 }
    }

    /// Adds the intercept at which the mean probability equals the positive rate, found by Newton's method.
    private static func correctingBaseRate(_ weights: [Double], _ predictions: BaseModelPredictions) -> LogOddsWeights {
        let logOdds = predictions.labels.indices.map { row in
            weights.indices.reduce(0) { $0 + weights[$1] * predictions.logOdds[$1][row] }
        }
        let intercept = LogisticTrainer.newton(
            [], width: 0, labels: predictions.labels, weights: predictions.weights, ridge: 0, prior: [],
            offsets: logOdds)[0]
        return LogOddsWeights(
            intercept: intercept, logisticRegression: weights[0], randomForest: weights[1], xgboost: weights[2])
    }
}
