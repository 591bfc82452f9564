/// A model, by the name that results and predictions use.
public enum ModelName: String, CaseIterable, Codable, Sendable {
    /// A base model: logistic regression.
    case logisticRegression = "logistic_regression"
    /// A base model: random forest.
    case randomForest = "random_forest"
    /// A base model: boosted trees.
    case xgboost
    /// A meta-model: a logistic regression over the base models' log-odds.
    case stacking
    /// A meta-model: a weighted mean of the base models' log-odds.
    case blending
    /// Boosted trees by LightGBM, which can only be imported.
    case lightgbm

    /// The five models that training makes, in the order of predictions.
    public static let allCases: [ModelName] = [.logisticRegression, .randomForest, .xgboost, .stacking, .blending]
    /// Those five, then the ones that can only be imported.
    public static let all = allCases + [.lightgbm]
}
