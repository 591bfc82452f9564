import Ensemble
import Events
import Features

/// Fits what stands between the members' raw log-odds and the five models' probabilities.
///
/// How far predictions are to be stretched and how they are to be weighed is learned from blocks of time that members
/// predicted without having seen them; the level from the points that the final members learned from. A member that
/// learned from half the history is off in level, each block by another amount: each block has an intercept of its own,
/// and none of them is used.
enum Combiners {
    /// Members' raw log-odds with labels and weights.
    struct Predictions {
        /// One array a member: logistic regression, random forest, XGBoost.
        var margins: [[Double]]
        var labels: [Bool]
        var weights: [Double]
    }

    /// - Parameters:
    ///   - blocks: predictions of points that the members had not seen, a block of time each, oldest first; at least one.
    ///   - own: predictions of the final members of their own points, weighed as the level is to be judged.
    static func fit(blocks: [Predictions], own: Predictions) -> Ensemble.Weights {
        // Log-odds of the forest are too narrow: an average of trees is drawn to the middle. Half way, as few blocks say
        // little of how far.
        let stretch = 1 + (slope(of: 1, blocks) - 1) / 2
        let slopes = [1, stretch, 1]
        func model(_ shares: [Double]) -> LogOddsWeights {
            levelled(zip(shares, slopes).map { $0 * $1 }, own)
        }
        return [
            .logisticRegression: model([1, 0, 0]), .randomForest: model([0, 1, 0]), .xgboost: model([0, 0, 1]),
            .stacking: model(stackingShares(blocks, slopes)), .blending: model(blendingShares(blocks, slopes)),
        ]
    }

    /// The factor by which a member's log-odds are to be stretched: the slope of Platt's scaling (J. Platt,
    /// "Probabilistic outputs for support vector machines", 1999), with an intercept for each block.
    private static func slope(of member: Int, _ blocks: [Predictions]) -> Double {
        regression(blocks, prior: [1], ridge: 1e-6) { block, row in [block.margins[member][row]] }[0]
    }

    /// Stacked generalisation (D. Wolpert, 1992): a logistic regression over the members' log-odds, drawn towards equal
    /// weights. More than the whole of them it does not take: members agree more on what they have seen.
    private static func stackingShares(_ blocks: [Predictions], _ slopes: [Double]) -> [Double] {
        let shares = regression(blocks, prior: [Double](repeating: 1.0 / 3, count: 3), ridge: 0.02) { block, row in
            block.margins.indices.map { slopes[$0] * block.margins[$0][row] }
        }
        let sum = max(shares.reduce(0, +), 1)
        return shares.map { $0 / sum }
    }

    /// A logistic regression with an intercept of its own for each block.
    /// - Returns: the coefficients without the intercepts.
    private static func regression(
        _ blocks: [Predictions], prior: [Double], ridge: Double, _ features: (Predictions, Int) -> [Double]
    ) -> [Double] {
        let others = blocks.count - 1
        var (design, labels, weights): ([Double], [Bool], [Double]) = ([], [], [])
        for (number, block) in blocks.enumerated() {
            for row in block.labels.indices {
                design += (1...max(others, 1)).prefix(others).map { $0 == number ? 1.0 : 0 }
                design += features(block, row)
            }
            labels += block.labels
            weights += block.weights
        }
        let solution = LogisticTrainer.newton(
            design, width: others + prior.count, labels: labels, weights: weights, ridge: ridge, free: others,
            prior: [Double](repeating: 0, count: others) + prior)
        return Array(solution[(1 + others)...])
    }

    /// A logarithmic opinion pool: weights that are not negative and sum to one, found on the latest block by
    /// exponentiated gradient (J. Kivinen and M. Warmuth, 1997), and half way back to equal ones.
    private static func blendingShares(_ blocks: [Predictions], _ slopes: [Double]) -> [Double] {
        let latest = blocks[blocks.count - 1]
        let total = latest.weights.reduce(0, +)
        var shares = [Double](repeating: 1.0 / 3, count: 3)
        for _ in 0..<300 {
            let weighted = zip(shares, slopes).map { $0 * $1 }
            let level = levelled(weighted, latest).intercept
            var gradient = [0.0, 0.0, 0.0]
            for row in latest.labels.indices {
                let margins = latest.margins.indices.map { slopes[$0] * latest.margins[$0][row] }
                let margin = zip(shares, margins).reduce(level) { $0 + $1.0 * $1.1 }
                let residual = Elementary.sigmoid(margin) - (latest.labels[row] ? 1 : 0)
                for (member, value) in margins.enumerated() {
                    gradient[member] += latest.weights[row] * residual * value / total
                }
            }
            shares = zip(shares, gradient).map { $0 * Elementary.exp(-2 * $1) }
            let sum = shares.reduce(0, +)
            shares = shares.map { $0 / sum }
        }
        return shares.map { ($0 + 1.0 / 3) / 2 }
    }

    /// Weights with the intercept at which the mean probability is the positive rate: one root, by Newton's method.
    private static func levelled(_ shares: [Double], _ predictions: Predictions) -> LogOddsWeights {
        let margins = predictions.labels.indices.map { row in
            shares.indices.reduce(0) { $0 + shares[$1] * predictions.margins[$1][row] }
        }
        let intercept = LogisticTrainer.newton(
            [], width: 0, labels: predictions.labels, weights: predictions.weights, ridge: 0, prior: [],
            offsets: margins)[0]
        return LogOddsWeights(
            intercept: intercept, logisticRegression: shares[0], randomForest: shares[1], xgboost: shares[2])
    }
}
