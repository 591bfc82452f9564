import CArithmetic
import Events
import Features

/// Scores rows by three base models, each with its calibration, and two meta-models over the base models' log-odds.
///
/// Every base model is evaluated once a row. An imported model is an ensemble of one model.
public struct Ensemble: Sendable {
    /// How the base models' raw margins become each model's log-odds.
    package typealias Weights = [ModelName: LogOddsWeights]

    /// The models that it has, in the order of predictions.
    public let models: [ModelName]
    /// The logistic regression; without terms in an imported model.
    package let logisticRegression: LogisticModel
    /// The random forest and the boosted trees, in this order; an imported model's parts.
    package let forest: CompiledForest
    let terms: [ce_term]
    private let weights: [LogOddsWeights]

    /// - Precondition: `weights` has an entry for each of the five models; the logistic regression has a term for each
    ///   feature.
    /// - Complexity: O(n log n) in the number of tree nodes.
    package init(
        logisticRegression: LogisticModel, randomForest: TreeModel, xgboost: TreeModel, weights: Weights
    ) {
        self.init(
            logisticRegression: logisticRegression, forest: CompiledForest([randomForest, xgboost]), weights: weights)
    }

    /// An imported model, its log-odds as they are.
    package init(alone model: ImportedModel) {
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

    /// Scores the rows of a matrix.
    ///
    /// A row's scores do not depend on the rows beside it, to the last bit.
    /// - Parameters:
    ///   - matrix: `FeatureSchema.count` floats a row, NaN where a value is missing.
    ///   - scores: emptied, then filled with one element a row.
    /// - Complexity: O(rows × trees × depth); nothing is allocated once `scores` has the capacity.
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

    /// How the base models' margins become a model's log-odds; `nil` for a model that the ensemble does not have, and for an
    /// imported one.
    func weights(of model: ModelName) -> LogOddsWeights? {
        weights.isEmpty ? nil : models.firstIndex(of: model).map { weights[$0] }
    }

    /// A model's log-odds of one row, whose sigmoid is the probability that `score` gives.
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

    /// An imported model's scores: the sigmoid of its parts' sum.
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

    /// Scores a row by all models from its margins.
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

    /// Scores the 64 rows whose margins have just been computed, and appends the first `count`.
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

    /// Scratch memory for scoring. Used by one thread at a time.
    public final class Workspace {
        fileprivate let forest: CompiledForest.Workspace
        fileprivate let logistic: UnsafeMutablePointer<Double>
        /// 64 for each of the five models.
        fileprivate let probabilities: UnsafeMutablePointer<Double>

        /// Scratch memory for an ensemble, reused from call to call.
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
    /// In the kernel's order.
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
