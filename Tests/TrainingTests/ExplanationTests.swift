import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import Ensemble
@testable import Training

/// Explanations against libxgboost's own contributions.
@Suite(.serialized) struct ExplanationTests {
    /// libxgboost adds contributions of hundreds of trees in 32-bit floats, from fractions that it divides and multiplies
    /// again on each path: it is off by some 1e-6 a tree's worth. A wrong definition is off by 1e-2.
    static let tolerance = 1e-4

    @Test func equalsLibxgboostsContributionsAlsoOnThresholds() throws {
        let directory = try TemporaryDirectory()
        let path = try TrainerTests.history(in: directory)
        let prepared = try TrainingRun(settings: TrainerTests.small()).prepare(history: path) { _, _ in }
        let indices = Array(prepared.dataset.indices)
        let rows = prepared.dataset.rows(indices.filter { $0 % 8 == 0 })
        let labels = indices.filter { $0 % 8 == 0 }.map { $0 % 3 == 0 }
        for (name, parameters, rounds) in [
            ("boosted", [("max_depth", "6"), ("eta", "0.1")], 60),
            (
                "forest",
                [("max_depth", "8"), ("eta", "1"), ("num_parallel_tree", "40"), ("colsample_bynode", "0.3")], 1
            ),
            ("deep", [("max_depth", "14"), ("eta", "0.3"), ("lambda", "0.1")], 10),
        ] {
            let booster = try Booster(
                data: TrainingMatrix(rows, labels: labels, weights: []),
                parameters: [
                    ("objective", "binary:logistic"), ("base_score", "0.3"), ("tree_method", "hist"),
                    ("min_child_weight", "0.5"), ("nthread", "1"), ("seed", "1"), ("verbosity", "0"),
                ] + parameters)
            for round in 0..<rounds { try booster.update(round: round) }
            let model = try ImportedModel(booster.modelFile(), path: name)
            var matrix = FeatureMatrix()
            for row in 0..<300 { matrix.append(row: rows[row * rows.rowCount / 300]) }
            // On, above and below thresholds, and with values missing that were not when it learned.
            var random = SplitMix64(seed: 4)
            let splits = model.parts[0].trees.flatMap(\.nodes).filter { !$0.isLeaf }
            for _ in 0..<300 {
                var row = Array(matrix[Int(random.next() % 300)])
                for _ in 0..<20 {
                    let split = splits.randomElement(using: &random)!
                    row[Int(split.feature)] =
                        [split.threshold, split.threshold.nextUp, split.threshold.nextDown, .nan]
                        .randomElement(using: &random)!
                }
                matrix.append(row: row[...])
            }
            let theirs = try booster.contributions(TrainingMatrix(matrix, labels: [], weights: []))
            let explainer = try Explainer(alone: model)
            let workspace = Explainer.Workspace(for: explainer)
            let width = FeatureSchema.count
            var worst = 0.0
            for row in 0..<matrix.rowCount {
                let ours = explainer.explain(Array(matrix[row]), workspace)
                for feature in 0..<width {
                    worst = max(worst, abs(ours.contributions[feature] - Double(theirs[row * (width + 1) + feature])))
                }
                worst = max(worst, abs(ours.baseLogOdds - Double(theirs[row * (width + 1) + width])))
            }
            #expect(worst < Self.tolerance, "\(name): \(worst)")
        }
    }

    @Test func theLogisticRegressionsContributionsAreZeroOnAverageOfWhatItLearnedFrom() throws {
        var random = SplitMix64(seed: 15)
        var matrix = FeatureMatrix()
        var (labels, weights): ([Bool], [Float]) = ([], [])
        for _ in 0..<400 {
            let row = (0..<FeatureSchema.count).map { _ in
                random.uniform() < 0.1 ? Float.nan : Float(random.uniform() * 100)
            }
            matrix.append(row: row[...])
            labels.append(random.uniform() < 0.4)
            weights.append(Float(random.uniform()) + 0.1)
        }
        let model = LogisticTrainer.fit(
            matrix, of: FeatureSchema(.standard), labels: labels, weights: weights, ridge: 0.01)
        for (feature, term) in model.terms.enumerated() {
            let mean = try #require(term.expectedLogOdds)
            let sum = weights.indices.reduce(0.0) { sum, row in
                sum + Double(weights[row]) * (term.logOdds(matrix[row][row * FeatureSchema.count + feature]) - mean)
            }
            #expect(abs(sum) < 1e-9)
        }
        let read = try JSONDecoder().decode(LogisticModel.self, from: JSONEncoder().encode(model))
        #expect(read == model)
    }
}
