/// One event's probabilities, 0...1, by every model of the ensemble; 0 by models that it does not have.
public struct Scores: Equatable, Sendable {
    /// By the logistic regression.
    public var logisticRegression = 0.0
    /// By the random forest.
    public var randomForest = 0.0
    /// By the boosted trees.
    public var xgboost = 0.0
    /// By stacking.
    public var stacking = 0.0
    /// By blending.
    public var blending = 0.0
    /// By an imported LightGBM model.
    public var lightgbm = 0.0

    /// All probabilities 0.
    public init() {}

    /// The probability by a model.
    @inlinable
    public subscript(_ model: ModelName) -> Double {
        get {
            switch model {
            case .logisticRegression: logisticRegression
            case .randomForest: randomForest
            case .xgboost: xgboost
            case .stacking: stacking
            case .blending: blending
            case .lightgbm: lightgbm
            }
        }
        set {
            switch model {
            case .logisticRegression: logisticRegression = newValue
            case .randomForest: randomForest = newValue
            case .xgboost: xgboost = newValue
            case .stacking: stacking = newValue
            case .blending: blending = newValue
            case .lightgbm: lightgbm = newValue
            }
        }
    }
}
