import Ensemble
import Events
import Features

/// How much each feature moves the served model's log-odds: the mean absolute SHAP value over a sample of points.
///
/// SHAP values of trees are libxgboost's own (S. Lundberg et al., "From local explanations to global understanding with
/// explainable AI for trees", 2020); those of the logistic regression are its terms less their means. The served
/// model's log-odds are a weighted sum of the members', and so are its SHAP values.
public struct Importance: Equatable, Sendable {
    /// Every feature, the most important first.
    public let features: [(name: String, value: Double)]

    private static let samplePoints = 1000
    /// Points that it is of.
    public let points: Int

    public static func == (a: Importance, b: Importance) -> Bool {
        a.features.elementsEqual(b.features) { $0.name == $1.name && $0.value == $1.value }
    }

    /// - Parameter indices: points to sample from.
    init(
        _ result: Trainer.Result, serving: ModelName, points: ScoringPoints, _ indices: [Int]
    ) throws(TrainingError) {
        let count = min(Self.samplePoints, indices.count)
        self.points = count
        let rows = points.rows((0..<count).map { indices[$0 * indices.count / count] })
        guard let weights = result.weights[serving] else { preconditionFailure("no weights for \(serving)") }
        let width = FeatureSchema.count
        var contributions = [Double](repeating: 0, count: count * width)
        let matrix = try TrainingMatrix(rows, labels: [], weights: [])
        for (file, weight) in [
            (result.randomForestFile, weights.randomForest), (result.xgboostFile, weights.xgboost),
        ] where weight != 0 {
            let values = try Booster(modelFile: file).contributions(matrix)
            for row in 0..<count {
                for feature in 0..<width {
                    contributions[row * width + feature] += weight * Double(values[row * (width + 1) + feature])
                }
            }
        }
        if weights.logisticRegression != 0 {
            for (feature, term) in result.logisticRegression.terms.enumerated() {
                let values = (0..<count).map { term.logOdds(rows[$0][rows[$0].startIndex + feature]) }
                let mean = values.reduce(0, +) / Double(count)
                for row in 0..<count {
                    contributions[row * width + feature] += weights.logisticRegression * (values[row] - mean)
                }
            }
        }
        features = FeatureSchema.names.enumerated().map { feature, name in
            (name, (0..<count).reduce(0) { $0 + abs(contributions[$1 * width + feature]) } / Double(count))
        }.sorted { ($1.value, $0.name) < ($0.value, $1.name) }
    }
}
