import Ensemble
import Events
import Features

/// Global feature importance of the served model: the mean absolute SHAP value over a sample of examples, in log-odds.
///
/// SHAP values of trees are computed by `TreeExplainer`; those of the logistic regression are its terms less their means
/// over the sample. The served model's log-odds are a weighted sum of the base models', and so are its SHAP values.
package struct FeatureImportance: Equatable, Sendable {
    /// Every feature, the most important first.
    package let features: [(name: String, value: Double)]

    /// Examples in the sample.
    package let examples: Int

    private static let sampleSize = 1000

    /// Whether names, values and order are equal.
    package static func == (a: FeatureImportance, b: FeatureImportance) -> Bool {
        a.features.elementsEqual(b.features) { $0.name == $1.name && $0.value == $1.value }
    }

    /// - Parameters:
    ///   - schema: of the features.
    ///   - serving: the served model.
    ///   - indices: examples of the dataset to sample from.
    /// - Throws: `TrainingError` when a tree is too large to explain.
    init(
        _ result: Trainer.Result, of schema: FeatureSchema, serving: ModelName, dataset: Dataset, _ indices: [Int]
    ) throws(TrainingError) {
        let count = min(Self.sampleSize, indices.count)
        examples = count
        let rows = dataset.rows((0..<count).map { indices[$0 * indices.count / count] })
        guard let weights = result.weights[serving] else { preconditionFailure("no weights for \(serving)") }
        let width = FeatureSchema.count
        var contributions = try Self.treeContributions(result, schema, weights, rows)
        if weights.logisticRegression != 0 {
            for (feature, term) in result.logisticRegression.terms.enumerated() {
                let values = (0..<count).map { term.logOdds(rows[$0][rows[$0].startIndex + feature]) }
                let mean = values.reduce(0, +) / Double(count)
                for row in 0..<count {
                    contributions[row * width + feature] += weights.logisticRegression * (values[row] - mean)
                }
            }
        }
        features = schema.names.enumerated().map { feature, name in
            (name, (0..<count).reduce(0) { $0 + abs(contributions[$1 * width + feature]) } / Double(count))
        }.sorted { ($1.value, $0.name) < ($0.value, $1.name) }
    }

    /// The trees' part of the served model's SHAP values, row-major.
    private static func treeContributions(
        _ result: Trainer.Result, _ schema: FeatureSchema, _ weights: LogOddsWeights, _ rows: FeatureMatrix
    ) throws(TrainingError) -> [Double] {
        var contributions = [Double](repeating: 0, count: rows.values.count)
        do {
            let explainer = try TreeExplainer(
                [
                    XGBoostModelFile.parse(result.randomForestFile, schema: schema, path: "random_forest.ubj"),
                    XGBoostModelFile.parse(result.xgboostFile, schema: schema, path: "xgboost.ubj"),
                ], path: "members")
            let workspace = TreeExplainer.Workspace(for: explainer)
            rows.values.withUnsafeBufferPointer { values in
                contributions.withUnsafeMutableBufferPointer { contributions in
                    guard let rows = values.baseAddress, let out = contributions.baseAddress else { return }
                    explainer.add(
                        rows, count: values.count / FeatureSchema.count,
                        weights: [weights.randomForest, weights.xgboost], to: out, workspace)
                }
            }
        } catch {
            throw TrainingError("\(error)")
        }
        return contributions
    }
}
