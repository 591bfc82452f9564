import CArithmetic
import Events
import Features

/// The models, by the names that results and predictions use.
public enum ModelName: String, CaseIterable, Codable, Sendable {
    case logisticRegression = "logistic_regression"
    case randomForest = "random_forest"
    case xgboost
    case stacking
    case blending
    /// Is imported only.
    case lightgbm

    /// The five that training makes, in the order of predictions.
    public static let allCases: [ModelName] = [.logisticRegression, .randomForest, .xgboost, .stacking, .blending]
    /// Those, and what can only be imported.
    public static let all = allCases + [.lightgbm]
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
    func logOdds(_ logistic: Double, _ forest: Double, _ boosted: Double) -> Double {
        intercept + logisticRegression * logistic + randomForest * forest + xgboost * boosted
    }

    @inlinable
    func probability(_ logistic: Double, _ forest: Double, _ boosted: Double) -> Double {
        Elementary.sigmoid(logOdds(logistic, forest, boosted))
    }
}

/// One event's probabilities from all models that there are; 0 from the others.
public struct Scores: Equatable, Sendable {
    public var logisticRegression = 0.0
    public var randomForest = 0.0
    public var xgboost = 0.0
    public var stacking = 0.0
    public var blending = 0.0
    public var lightgbm = 0.0

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

/// The ensemble: three members, each with its calibration, and two combiners over the members' log-odds.
///
/// Members are evaluated once a row, whatever the combiners make of them. An imported model is an ensemble of itself alone.
public struct Ensemble: Sendable {
    /// How the members' raw margins become each model's log-odds.
    public typealias Weights = [ModelName: LogOddsWeights]

    /// The models that it scores by, in the order of predictions.
    public let models: [ModelName]
    /// Without terms where the model is an imported one.
    public let logisticRegression: LogisticModel
    /// The random forest and the boosted trees, in this order; of an imported model its parts.
    public let forest: CompiledForest
    let terms: [ce_term]
    private let weights: [LogOddsWeights]

    /// - Precondition: `weights` has an entry for each of the five models; the logistic model a term for each feature.
    public init(
        logisticRegression: LogisticModel, randomForest: TreeModel, xgboost: TreeModel, weights: Weights
    ) {
        self.init(
            logisticRegression: logisticRegression, forest: CompiledForest([randomForest, xgboost]), weights: weights)
    }

    /// A model alone, its log-odds as they are.
    public init(alone model: ImportedModel) {
        models = [model.name]
        logisticRegression = LogisticModel(intercept: 0, terms: [])
        forest = CompiledForest(model.parts)
        terms = []
        weights = []
    }

    init(logisticRegression: LogisticModel, forest: CompiledForest, weights: Weights) {
        models = ModelName.allCases
        self.logisticRegression = logisticRegression
        self.forest = forest
        terms = logisticRegression.kernelTerms
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
        scores.removeAll(keepingCapacity: true)
        scores.reserveCapacity(matrix.rowCount)
        matrix.values.withUnsafeBufferPointer { values in
            for first in stride(from: 0, to: matrix.rowCount, by: CompiledForest.blockRows) {
                let count = min(CompiledForest.blockRows, matrix.rowCount - first)
                let rows = workspace.forest.block(values.baseAddress.unsafelyUnwrapped, first: first, count: count)
                forest.margins(rows: rows, count: count, workspace.forest)
                if models.count == 1 {
                    appendAlone(count, workspace, to: &scores)
                } else if forest.takesAsBlock(count) {
                    combineBlock(count, workspace, into: &scores)
                } else {
                    for row in 0..<count { combine(rows + row * FeatureSchema.count, row, workspace, into: &scores) }
                }
            }
        }
    }

    /// How the members' margins become a model's log-odds; `nil` for a model that is not there, or that stands alone.
    func weights(of model: ModelName) -> LogOddsWeights? {
        weights.isEmpty ? nil : models.firstIndex(of: model).map { weights[$0] }
    }

    /// A model's log-odds of one row, as `score` takes its probability from.
    /// - Complexity: O(trees × depth); nothing is allocated.
    func logOdds(_ row: UnsafePointer<Float>, by model: ModelName, _ workspace: CompiledForest.Workspace) -> Double {
        forest.margins(rows: row, count: 1, workspace)
        func margin(_ part: Int) -> Double { Double(workspace.margins[part * CompiledForest.blockRows]) }
        guard let weights = weights(of: model) else {
            return (0..<forest.modelCount).reduce(0.0) { $0 + margin($1) }
        }
        let logistic = ce_logistic_row(
            forest.level, row, terms, terms.count, logisticRegression.intercept, LogisticModel.clip)
        return weights.logOdds(logistic, margin(0), margin(1))
    }

    private func appendAlone(_ count: Int, _ workspace: Workspace, to scores: inout [Scores]) {
        let model = models[0]
        for row in 0..<count {
            var margin = 0.0
            for part in 0..<forest.modelCount {
                margin += Double(workspace.forest.margins[part * CompiledForest.blockRows + row])
            }
            var score = Scores()
            score[model] = Elementary.sigmoid(margin)
            scores.append(score)
        }
    }

    private func combine(
        _ row: UnsafePointer<Float>, _ place: Int, _ workspace: Workspace, into scores: inout [Scores]
    ) {
        let logistic = ce_logistic_row(
            self.forest.level, row, terms, terms.count, logisticRegression.intercept, LogisticModel.clip)
        let forest = Double(workspace.forest.margins[place])
        let boosted = Double(workspace.forest.margins[CompiledForest.blockRows + place])
        var score = Scores()
        score.logisticRegression = weights[0].probability(logistic, forest, boosted)
        score.randomForest = weights[1].probability(logistic, forest, boosted)
        score.xgboost = weights[2].probability(logistic, forest, boosted)
        score.stacking = weights[3].probability(logistic, forest, boosted)
        score.blending = weights[4].probability(logistic, forest, boosted)
        scores.append(score)
    }

    /// The same for the 64 rows whose margins have just been computed, of which the first `count` are wanted.
    private func combineBlock(_ count: Int, _ workspace: Workspace, into scores: inout [Scores]) {
        let size = CompiledForest.blockRows
        let probabilities = workspace.probabilities
        ce_logistic(
            forest.level, workspace.forest.columns, terms, terms.count, logisticRegression.intercept,
            LogisticModel.clip,
            workspace.logistic)
        for (model, weights) in weights.enumerated() {
            withUnsafePointer(to: weights.kernelWeights) { four in
                ce_probabilities(
                    forest.level, UnsafeRawPointer(four).assumingMemoryBound(to: Double.self), workspace.logistic,
                    workspace.forest.margins, workspace.forest.margins + size, probabilities + model * size)
            }
        }
        for row in 0..<count {
            var score = Scores()
            score.logisticRegression = probabilities[row]
            score.randomForest = probabilities[size + row]
            score.xgboost = probabilities[2 * size + row]
            score.stacking = probabilities[3 * size + row]
            score.blending = probabilities[4 * size + row]
            scores.append(score)
        }
    }

    /// What a block needs while it is scored. Owned by one thread.
    public final class Workspace {
        fileprivate let forest: CompiledForest.Workspace
        fileprivate let logistic: UnsafeMutablePointer<Double>
        /// 64 for each of the five models.
        fileprivate let probabilities: UnsafeMutablePointer<Double>

        public init(for ensemble: Ensemble) {
            forest = CompiledForest.Workspace(for: ensemble.forest)
            logistic = .allocate(capacity: CompiledForest.blockRows)
            probabilities = .allocate(capacity: CompiledForest.blockRows * ModelName.allCases.count)
        }

        deinit {
            logistic.deallocate()
            probabilities.deallocate()
        }
    }
}

extension LogOddsWeights {
    /// In the order in which the kernel takes them.
    fileprivate var kernelWeights: InlineArray<4, Double> { [intercept, logisticRegression, randomForest, xgboost] }
}

extension LogisticModel {
    fileprivate var kernelTerms: [ce_term] {
        terms.enumerated().map { index, term in
            ce_term(
                mean: term.mean, scale: term.scale, weight: term.weight, missing_weight: term.missingWeight,
                feature: UInt32(index), is_logarithmic: term.isLogarithmic ? 1 : 0)
        }
    }
}
