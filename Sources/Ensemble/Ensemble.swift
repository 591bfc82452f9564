import Events
import Features

/// The five models, by the names that results and predictions use.
public enum ModelName: String, CaseIterable, Codable, Sendable {
    case logisticRegression = "logistic_regression"
    case randomForest = "random_forest"
    case xgboost
    case stacking
    case blending
}

/// Weights of the three members' log-odds: how both combiners and each member's calibration are written down.
///
/// log-odds = intercept + logistic · m₁ + forest · m₂ + boosted · m₃, with m the members' raw margins. Everything the
/// ensemble does to its members is affine in log-odds, so a probability can be taken apart exactly into its features.
public struct LogOddsWeights: Equatable, Sendable, Codable {
    public var intercept: Double
    public var logisticRegression: Double
    public var randomForest: Double
    public var xgboost: Double

    public init(intercept: Double = 0, logisticRegression: Double = 0, randomForest: Double = 0, xgboost: Double = 0) {
        self.intercept = intercept
        self.logisticRegression = logisticRegression
        self.randomForest = randomForest
        self.xgboost = xgboost
    }

    @inlinable
    func probability(_ logistic: Double, _ forest: Double, _ boosted: Double) -> Double {
        Elementary.sigmoid(
            intercept + logisticRegression * logistic + randomForest * forest + xgboost * boosted)
    }
}

/// One event's probabilities from all five models.
public struct Scores: Equatable, Sendable {
    public var logisticRegression = 0.0
    public var randomForest = 0.0
    public var xgboost = 0.0
    public var stacking = 0.0
    public var blending = 0.0

    public init() {}

    @inlinable
    public subscript(_ model: ModelName) -> Double {
        get {
            switch model {
            case .logisticRegression: logisticRegression
            case .randomForest: randomForest
            case .xgboost: xgboost
            case .stacking: stacking
            case .blending: blending
            }
        }
        set {
            switch model {
            case .logisticRegression: logisticRegression = newValue
            case .randomForest: randomForest = newValue
            case .xgboost: xgboost = newValue
            case .stacking: stacking = newValue
            case .blending: blending = newValue
            }
        }
    }
}

/// The ensemble: three members, each with its calibration, and two combiners over the members' log-odds.
///
/// Members are evaluated once a row, whatever the combiners make of them.
public struct Ensemble: Sendable {
    /// How the members' raw margins become each model's log-odds.
    public typealias Weights = [ModelName: LogOddsWeights]

    public let logisticRegression: LogisticModel
    public let randomForest: CompiledForest
    public let xgboost: CompiledForest
    private let weights: [LogOddsWeights]

    /// - Precondition: `weights` has an entry for each of the five models.
    public init(
        logisticRegression: LogisticModel, randomForest: TreeModel, xgboost: TreeModel, weights: Weights
    ) {
        self.logisticRegression = logisticRegression
        self.randomForest = CompiledForest(randomForest)
        self.xgboost = CompiledForest(xgboost)
        self.weights = ModelName.allCases.map { model in
            guard let weights = weights[model] else { preconditionFailure("no weights for \(model)") }
            return weights
        }
    }

    /// Scores the rows of a matrix into `scores`, which is made as long as the matrix.
    ///
    /// A row's scores do not depend on which rows stand beside it.
    /// - Complexity: O(rows); memory is reused from call to call where `scores` and `workspace` are.
    public func score(_ matrix: borrowing FeatureMatrix, into scores: inout [Scores], workspace: inout Workspace) {
        let count = matrix.rowCount
        scores.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        workspace.reserve(count)
        matrix.values.withUnsafeBufferPointer { values in
            let rows = values.baseAddress.unsafelyUnwrapped
            randomForest.margins(rows: rows, rowCount: count, into: workspace.forest)
            xgboost.margins(rows: rows, rowCount: count, into: workspace.boosted)
            for row in 0..<count {
                let logistic = logisticRegression.margin(rows + row * FeatureSchema.count)
                let forest = Double(workspace.forest[row])
                let boosted = Double(workspace.boosted[row])
                var score = Scores()
                score.logisticRegression = weights[0].probability(logistic, forest, boosted)
                score.randomForest = weights[1].probability(logistic, forest, boosted)
                score.xgboost = weights[2].probability(logistic, forest, boosted)
                score.stacking = weights[3].probability(logistic, forest, boosted)
                score.blending = weights[4].probability(logistic, forest, boosted)
                scores.append(score)
            }
        }
    }

    /// Raw margins of the tree members while a batch is scored. Owned by one thread.
    public final class Workspace {
        fileprivate var forest: UnsafeMutablePointer<Float>
        fileprivate var boosted: UnsafeMutablePointer<Float>
        private var capacity = 0

        public init() {
            forest = .allocate(capacity: 0)
            boosted = .allocate(capacity: 0)
        }

        deinit {
            forest.deallocate()
            boosted.deallocate()
        }

        fileprivate func reserve(_ count: Int) {
            guard count > capacity else { return }
            forest.deallocate()
            boosted.deallocate()
            capacity = count
            forest = .allocate(capacity: count)
            boosted = .allocate(capacity: count)
        }
    }
}
