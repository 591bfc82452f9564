import Events
import Features
import TestSupport
import Testing

@testable import Ensemble

@Suite struct ExplainerTests {
    /// Rows of a made-up shop.
    func rows(_ artifact: ModelArtifact, _ count: Int) -> [[Float]] {
        var random = SplitMix64(seed: 31)
        let golden = artifact.manifest.goldenRows.map { $0.features.map { $0.map { Float($0) } ?? .nan } }
        return (0..<count).map { number in
            // Features of different customers, mixed.
            (0..<FeatureSchema.count).map { feature in
                number < golden.count ? golden[number][feature] : golden.randomElement(using: &random)![feature]
            }
        }
    }

    @Test func contributionsOfEveryModelAddUpToItsScore() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let explainer = try Explainer(artifact)
        #expect(explainer.models == ModelName.allCases && explainer.servingModel == artifact.manifest.servingModel)
        let workspace = Explainer.Workspace(for: explainer)
        let rows = rows(artifact, 200)
        var matrix = FeatureMatrix()
        for row in rows { matrix.append(row: row[...]) }
        var scores: [Scores] = []
        var scoring = Ensemble.Workspace(for: artifact.ensemble)
        artifact.ensemble.score(matrix, into: &scores, workspace: &scoring)
        func exact(_ model: TreeModel, _ row: [Float]) -> Double {
            model.trees.reduce(Double(model.baseMargin)) { $0 + Double($1.leafValue(row[...])) }
        }
        for (row, score) in zip(rows, scores) {
            let logistic = row.withUnsafeBufferPointer {
                artifact.ensemble.logisticRegression.margin($0.baseAddress!)
            }
            for model in ModelName.allCases {
                let explanation = explainer.explain(row, by: model, workspace)
                #expect(explanation.model == model && explanation.contributions.count == FeatureSchema.count)
                #expect(explanation.probability.bitPattern == score[model].bitPattern)
                #expect(explanation.baseLogOdds == explainer.baseLogOdds(of: model))
                let sum = explanation.contributions.reduce(explanation.baseLogOdds, +)
                #expect(abs(sum - explanation.logOdds) < explanationResidual)
                let weights = artifact.manifest.weights[model.rawValue]!
                let inDoubles = weights.logOdds(
                    logistic, exact(artifact.randomForest, row), exact(artifact.xgboost, row))
                #expect(abs(sum - inDoubles) < 1e-9)
            }
            #expect(explainer.explain(row, workspace).model == artifact.manifest.servingModel)
        }
    }

    @Test func namesHowItWasDone() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let explainer = try Explainer(artifact)
        let workspace = Explainer.Workspace(for: explainer)
        let row = rows(artifact, 1)[0]
        for (model, method) in [
            (ModelName.logisticRegression, "linear"), (.xgboost, "tree_shap_path_dependent"),
            (.blending, "tree_shap_path_dependent+linear"),
        ] {
            #expect(explainer.explain(row, by: model, workspace).method == method)
        }
        let linear = explainer.explain(row, by: .logisticRegression, workspace)
        let weight = artifact.manifest.weights["logistic_regression"]!.logisticRegression
        for (index, term) in artifact.ensemble.logisticRegression.terms.enumerated() {
            let expected = weight * (term.logOdds(row[index]) - (term.expectedLogOdds ?? 0))
            #expect(abs(linear.contributions[index] - expected) < 1e-14)
        }
    }

    @Test func contributionsDoNotDependOnTheRowsBeside() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let explainer = try Explainer(artifact)
        let workspace = Explainer.Workspace(for: explainer)
        let rows = rows(artifact, 200)
        let alone = rows.flatMap { explainer.explain($0, workspace).contributions }
        for count in [1, 5, 8, 64, 200] {
            let together = [Double](unsafeUninitializedCapacity: count * FeatureSchema.count) { out, size in
                explainer.contributions(rows.flatMap { $0 }, count: count, into: out.baseAddress!, workspace)
                size = count * FeatureSchema.count
            }
            #expect(together.elementsEqual(alone.prefix(together.count)), "\(count) rows")
        }
    }

    @Test func theLargestContributionsComeFirstAndEqualOnesInSchemaOrder() {
        var contributions = [Double](repeating: 0, count: FeatureSchema.count)
        (contributions[4], contributions[9], contributions[40], contributions[90]) = (-0.5, 0.25, 0.5, -2)
        let explanation = Explanation(
            model: .blending, method: "linear", baseLogOdds: 0, contributions: contributions, logOdds: 0,
            probability: 0.5)
        #expect(explanation.top(4).map(\.feature) == [90, 4, 40, 9])
        #expect(explanation.top(6).map(\.feature) == [90, 4, 40, 9, 0, 1])
        #expect(explanation.top(2).map(\.contribution) == [-2, -0.5])
        #expect(explanation.top(0).isEmpty)
        let all = explanation.top(1000)
        #expect(all.count == FeatureSchema.count && Set(all.map(\.feature)).count == FeatureSchema.count)
    }

    static let covers = (
        lightgbm: ImportedModelTests.lightgbm.replacing(
            "is_linear=0", with: "internal_count=100 60\nleaf_count=20 40 40\nis_linear=0"),
        xgboost: ImportedModelTests.xgboost.replacing(
            "\"split_type\":[0,0,0]", with: "\"split_type\":[0,0,0],\"sum_hessian\":[25,10.5,14.5]")
    )

    @Test func importedModelsAreExplainedByWhatTheirFilesSayOfCovers() throws {
        var random = SplitMix64(seed: 8)
        for text in [Self.covers.lightgbm, Self.covers.xgboost] {
            let model = try ImportedModel(Array(text.utf8), path: "m")
            let explainer = try Explainer(alone: model)
            let workspace = Explainer.Workspace(for: explainer)
            for _ in 0..<50 {
                var row = (0..<FeatureSchema.count).map { _ in Float(0) }
                for name in ["frequency", "recency_days"] {
                    let value = Float(random.uniform() * 20) - 1
                    row[FeatureSchema(.standard).names.firstIndex(of: name)!] = random.next() % 5 == 0 ? .nan : value
                }
                let explanation = explainer.explain(row, workspace)
                let trees = model.parts.flatMap(\.trees)
                for (feature, contribution) in explanation.contributions.enumerated() {
                    let expected = trees.reduce(0) { $0 + CoveredTree.shapleyValues($1, row)[feature] }
                    #expect(abs(contribution - expected) < 1e-14)
                }
                #expect(explanation.model == model.name && explanation.logOdds == model.margin(row[...]))
                #expect(explanation.probability == Elementary.sigmoid(explanation.logOdds))
                #expect(
                    abs(explanation.contributions.reduce(explanation.baseLogOdds, +) - explanation.logOdds) < 1e-14)
            }
        }
    }

    @Test func modelsWithoutCoversScoreAndAreNotExplained() throws {
        for text in [
            ImportedModelTests.lightgbm, ImportedModelTests.xgboost,
            Self.covers.lightgbm.replacing("leaf_count=20 40 40\n", with: ""),
        ] {
            let model = try ImportedModel(Array(text.utf8), path: "m")
            #expect(model.margin([Float](repeating: 1, count: FeatureSchema.count)[...]).isFinite)
            let error = #expect(throws: ArtifactError.self) { try Explainer(alone: model) }
            #expect(error?.reason.contains("cannot be explained") == true)
        }
    }

    @Test func coversThatCannotBeSuchAreRefused() {
        let (l, x) = Self.covers
        for (text, message) in [
            (x.replacing("[25,10.5,14.5]", with: "[25,-1,14.5]"), "tree 0 has covers (sum_hessian)"),
            (x.replacing("[25,10.5,14.5]", with: "[25,NaN,14.5]"), "tree 0 has covers (sum_hessian)"),
            (x.replacing("[25,10.5,14.5]", with: "[25,1e99,14.5]"), "tree 0 has covers (sum_hessian)"),
            (x.replacing("[25,10.5,14.5]", with: "[25,14.5]"), "tree 0 has covers (sum_hessian)"),
            (x.replacing("[25,10.5,14.5]", with: "\"25\""), "tree 0 has covers (sum_hessian)"),
            (l.replacing("leaf_count=20", with: "leaf_count=-20"), "numbers of rows in leaf_count"),
            (l.replacing("leaf_count=20", with: "leaf_count=nan"), "numbers of rows in leaf_count"),
            (l.replacing("leaf_count=20 40", with: "leaf_count=20"), "must have 3 numbers in leaf_count"),
            (l.replacing("internal_count=100", with: "internal_count=inf"), "numbers of rows in internal_count"),
        ] {
            let error = #expect(throws: ArtifactError.self, "\(message)") {
                try ImportedModel(Array(text.utf8), path: "m")
            }
            #expect(error?.reason.contains(message) == true, "\(error?.description ?? "") for \(message)")
        }
    }

    /// A parent's own cover is not looked at, and children of none have a half each.
    @Test func coversThatDoNotFitTogetherStillAddUp() throws {
        for covers in ["[0,0,0]", "[1,25,25]", "[3e38,3e38,3e38]", "[0,1e-45,0]"] {
            let text = Self.covers.xgboost.replacing("[25,10.5,14.5]", with: covers)
            let explainer = try Explainer(alone: ImportedModel(Array(text.utf8), path: "m"))
            let explanation = explainer.explain(
                [Float](repeating: 1, count: FeatureSchema.count), Explainer.Workspace(for: explainer))
            #expect(explanation.contributions.reduce(explanation.baseLogOdds, +) == explanation.logOdds)
        }
    }
}
