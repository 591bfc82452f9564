import Ensemble
import Events
import Features

/// Fits what stands between the members' raw log-odds and the five models' probabilities, on predictions that members
/// made of points which they had not seen.
enum Combiners {
    /// Members' raw log-odds with labels and weights.
    struct Predictions {
        /// One array a member: logistic regression, random forest, XGBoost.
        var margins: [[Double]] = [[], [], []]
        var labels: [Bool] = []
        var weights: [Double] = []

        mutating func append(_ margins: [[Double]], labels: [Bool], weights: [Float]) {
            for member in self.margins.indices { self.margins[member] += margins[member] }
            self.labels += labels
            self.weights += weights.map(Double.init)
        }
    }

    /// - Parameters:
    ///   - outOfFold: predictions of all blocks: calibrations and stacking learn from these.
    ///   - latest: predictions of the latest block: blending's weights are fitted on these.
    static func fit(outOfFold: Predictions, latest: Predictions) -> Ensemble.Weights {
        let calibrations = outOfFold.margins.map { calibrate($0, outOfFold) }
        return [
            .logisticRegression: LogOddsWeights(
                intercept: calibrations[0].intercept, logisticRegression: calibrations[0].slope),
            .randomForest: LogOddsWeights(intercept: calibrations[1].intercept, randomForest: calibrations[1].slope),
            .xgboost: LogOddsWeights(intercept: calibrations[2].intercept, xgboost: calibrations[2].slope),
            .stacking: stack(outOfFold, calibrations),
            .blending: blend(latest, calibrations),
        ]
    }

    /// Platt's scaling: log-odds = intercept + slope · margin (J. Platt, "Probabilistic outputs for support vector
    /// machines", 1999).
    private static func calibrate(_ margins: [Double], _ predictions: Predictions) -> (intercept: Double, slope: Double)
    {
        let solution = LogisticTrainer.newton(
            margins, width: 1, labels: predictions.labels, weights: predictions.weights, ridge: 1e-6, prior: [1])
        return (solution[0], solution[1])
    }

    /// Stacked generalisation (D. Wolpert, 1992): a logistic regression over the members' calibrated log-odds, drawn
    /// towards equal weights.
    private static func stack(_ predictions: Predictions, _ calibrations: [(intercept: Double, slope: Double)])
        -> LogOddsWeights
    {
        let design = calibrated(predictions, calibrations)
        let solution = LogisticTrainer.newton(
            design, width: 3, labels: predictions.labels, weights: predictions.weights, ridge: 0.002,
            prior: [Double](repeating: 1.0 / 3, count: 3))
        return weights(intercept: solution[0], Array(solution[1...]), calibrations)
    }

    /// A logarithmic opinion pool: a weighted mean of calibrated log-odds, with weights that are not negative and sum to
    /// one, found by exponentiated gradient (J. Kivinen and M. Warmuth, 1997), then calibrated on the same slice.
    private static func blend(_ predictions: Predictions, _ calibrations: [(intercept: Double, slope: Double)])
        -> LogOddsWeights
    {
        let design = calibrated(predictions, calibrations)
        let total = predictions.weights.reduce(0, +)
        var shares = [Double](repeating: 1.0 / 3, count: 3)
        for _ in 0..<300 {
            var gradient = [0.0, 0.0, 0.0]
            for row in predictions.labels.indices {
                let x = design[(row * 3)..<(row * 3 + 3)]
                let margin = zip(shares, x).reduce(0) { $0 + $1.0 * $1.1 }
                let residual = Elementary.sigmoid(margin) - (predictions.labels[row] ? 1 : 0)
                for (member, value) in x.enumerated() {
                    gradient[member] += predictions.weights[row] * residual * value / total
                }
            }
            shares = zip(shares, gradient).map { $0 * Elementary.exp(-2 * $1) }
            let sum = shares.reduce(0, +)
            shares = shares.map { $0 / sum }
        }
        let blended = predictions.labels.indices.map { row in
            zip(shares, design[(row * 3)..<(row * 3 + 3)]).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let final = calibrate(blended, predictions)
        return weights(intercept: final.intercept, shares.map { $0 * final.slope }, calibrations)
    }

    private static func calibrated(_ predictions: Predictions, _ calibrations: [(intercept: Double, slope: Double)])
        -> [Double]
    {
        var design: [Double] = []
        design.reserveCapacity(predictions.labels.count * 3)
        for row in predictions.labels.indices {
            for (member, calibration) in calibrations.enumerated() {
                design.append(calibration.intercept + calibration.slope * predictions.margins[member][row])
            }
        }
        return design
    }

    /// Weights over calibrated log-odds, written as weights over raw ones.
    private static func weights(
        intercept: Double, _ shares: [Double], _ calibrations: [(intercept: Double, slope: Double)]
    ) -> LogOddsWeights {
        LogOddsWeights(
            intercept: zip(shares, calibrations).reduce(intercept) { $0 + $1.0 * $1.1.intercept },
            logisticRegression: shares[0] * calibrations[0].slope, randomForest: shares[1] * calibrations[1].slope,
            xgboost: shares[2] * calibrations[2].slope)
    }
}
