import CArithmetic
import Events
import Features

/// Explains the scores of an artifact's models, exactly.
///
/// A model's log-odds are an intercept and a weighted sum of the base models' margins, so its contributions are the same sum
/// of theirs: SHAP values of the trees (`TreeExplainer`), and what each term of the logistic regression adds beyond its mean
/// (`LogisticModel.Term.expectedLogOdds`), which is its SHAP value if features are independent.
///
/// May be used from several threads, each with a workspace of its own.
public struct Explainer: Sendable {
    /// The model that is explained unless another one is named.
    public let servingModel: ModelName

    private let ensemble: Ensemble
    private let trees: TreeExplainer
    private let recipes: [Recipe]
    /// The mean contribution of each term of the logistic regression, in schema order.
    private let expectedSteps: [Double]

    /// How one model's contributions are computed from the base models'.
    private struct Recipe: Sendable {
        let model: ModelName
        let logisticRegression: Double
        /// Of each part of the forest.
        let trees: [Double]
        let baseLogOdds: Double
        let method: String
    }

    /// - Throws: `ArtifactError` if the tree files hold no covers, or a tree is too large. Such an artifact can score, but not
    ///   be explained.
    /// - Complexity: O(nodes × depth).
    package init(_ artifact: ModelArtifact) throws(ArtifactError) {
        try self.init(
            artifact.ensemble, trees: artifact.trees, serving: artifact.manifest.servingModel, path: artifact.directory)
    }

    /// Explains an imported model.
    /// - Throws: `ArtifactError` as above.
    package init(alone model: ImportedModel) throws(ArtifactError) {
        try self.init(model.ensemble, trees: model.parts, serving: model.name, path: model.origin.format.rawValue)
    }

    /// - Parameters:
    ///   - trees: those of the ensemble's forest.
    ///   - path: for messages.
    init(
        _ ensemble: Ensemble, trees models: [TreeModel], serving: ModelName, path: String
    ) throws(ArtifactError) {
        let trees = try TreeExplainer(models, level: ensemble.forest.level, path: path)
        let expectedSteps = ensemble.logisticRegression.terms.map { $0.expectedLogOdds ?? 0 }
        let logistic = expectedSteps.reduce(ensemble.logisticRegression.intercept, +)
        self.ensemble = ensemble
        self.trees = trees
        self.expectedSteps = expectedSteps
        servingModel = serving
        recipes = ensemble.models.map { model in
            let weights = ensemble.weights(of: model)
            let ofTrees = weights.map { [$0.randomForest, $0.xgboost] } ?? models.map { _ in 1.0 }
            let ofLogistic = weights?.logisticRegression ?? 0
            var base = weights?.intercept ?? 0
            if ofLogistic != 0 { base += ofLogistic * logistic }
            for (weight, expected) in zip(ofTrees, trees.expected) { base += weight * expected }
            let methods =
                (ofTrees.contains { $0 != 0 } ? ["tree_shap_path_dependent"] : [])
                + (ofLogistic != 0 ? ["linear"] : [])
            return Recipe(
                model: model, logisticRegression: ofLogistic, trees: ofTrees, baseLogOdds: base,
                method: methods.joined(separator: "+"))
        }
    }

    /// The models that can be explained: those of the artifact.
    package var models: [ModelName] { recipes.map(\.model) }

    /// Expected log-odds by a model; the served one unless named.
    /// - Precondition: the model is one of `models`.
    package func baseLogOdds(of model: ModelName? = nil) -> Double { recipe(model).baseLogOdds }

    /// Explains a row's score.
    /// - Parameters:
    ///   - row: `FeatureSchema.count` values in schema order, NaN where one is missing.
    ///   - model: one of `models`; the served one unless named.
    package func explain(_ row: [Float], by model: ModelName? = nil, _ workspace: Workspace) -> Explanation {
        precondition(row.count == FeatureSchema.count)
        return row.withUnsafeBufferPointer {
            explain($0.baseAddress.unsafelyUnwrapped, by: model, workspace)
        }
    }

    /// Explains the score of a row in the caller's memory.
    /// - Parameter row: `FeatureSchema.count` floats.
    package func explain(
        _ row: UnsafePointer<Float>, by model: ModelName? = nil, _ workspace: Workspace
    ) -> Explanation {
        let recipe = recipe(model)
        let logOdds = ensemble.logOdds(row, by: recipe.model, workspace.forest)
        let contributions = [Double](unsafeUninitializedCapacity: FeatureSchema.count) { buffer, count in
            self.contributions(
                row, count: 1, by: recipe.model, into: buffer.baseAddress.unsafelyUnwrapped, workspace)
            count = FeatureSchema.count
        }
        return Explanation(
            model: recipe.model, method: recipe.method, baseLogOdds: recipe.baseLogOdds, contributions: contributions,
            logOdds: logOdds, probability: Elementary.sigmoid(logOdds))
    }

    /// Contributions to some rows' log-odds. A row's do not depend on the rows beside it.
    /// - Parameters:
    ///   - rows: `FeatureSchema.count` floats each.
    ///   - contributions: overwritten with as many doubles.
    /// - Complexity: O(rows × nodes); nothing is allocated.
    public func contributions(
        _ rows: UnsafePointer<Float>, count: Int, by model: ModelName? = nil,
        into contributions: UnsafeMutablePointer<Double>, _ workspace: Workspace
    ) {
        let recipe = recipe(model)
        let width = FeatureSchema.count
        contributions.initialize(repeating: 0, count: count * width)
        if recipe.logisticRegression != 0 {
            for row in 0..<count {
                ce_logistic_steps(
                    trees.level, rows + row * width, ensemble.terms, ensemble.terms.count, LogisticModel.clip,
                    workspace.steps)
                let own = contributions + row * width
                for feature in 0..<width {
                    own[feature] = recipe.logisticRegression * (workspace.steps[feature] - expectedSteps[feature])
                }
            }
        }
        trees.add(rows, count: count, weights: recipe.trees, to: contributions, workspace.trees)
    }

    private func recipe(_ model: ModelName?) -> Recipe {
        for recipe in recipes where recipe.model == model ?? servingModel { return recipe }
        preconditionFailure("\(model ?? servingModel) is not among the models")
    }

    /// Scratch memory for explanations. Used by one thread at a time.
    public final class Workspace {
        fileprivate let forest: CompiledForest.Workspace
        fileprivate let trees: TreeExplainer.Workspace
        /// The contribution of each term of the logistic regression.
        fileprivate let steps: UnsafeMutablePointer<Double>

        /// Scratch memory for an explainer, reused from call to call.
        public init(for explainer: Explainer) {
            forest = CompiledForest.Workspace(for: explainer.ensemble.forest)
            trees = TreeExplainer.Workspace(for: explainer.trees)
            steps = .allocate(capacity: FeatureSchema.count)
        }

        deinit { steps.deallocate() }
    }
}
