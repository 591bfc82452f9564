import Events

/// Weights of the three base models' log-odds: one form for calibration, base-rate correction, stacking and blending.
///
/// log-odds = intercept + logistic · m₁ + forest · m₂ + boosted · m₃, with m the base models' raw margins. As this is affine
/// in log-odds, a score can be attributed exactly to its features.
package struct LogOddsWeights: Equatable, Sendable, Codable {
    /// Added to the weighted sum.
    package var intercept: Double
    /// Weight of the logistic regression.
    package var logisticRegression: Double
    /// Weight of the random forest.
    package var randomForest: Double
    /// Weight of the boosted trees.
    package var xgboost: Double

    /// All weights are 0 unless given.
    package init(intercept: Double = 0, logisticRegression: Double = 0, randomForest: Double = 0, xgboost: Double = 0) {
        self.intercept = intercept
        self.logisticRegression = logisticRegression
        self.randomForest = randomForest
        self.xgboost = xgboost
    }

    /// A model's log-odds from the base models' margins.
    func logOdds(_ logistic: Double, _ forest: Double, _ boosted: Double) -> Double {
        intercept + logisticRegression * logistic + randomForest * forest + xgboost * boosted
    }

    /// A model's probability from the base models' margins.
    func probability(_ logistic: Double, _ forest: Double, _ boosted: Double) -> Double {
        Elementary.sigmoid(logOdds(logistic, forest, boosted))
    }
}
