import Ensemble
import Features

/// An ensemble's predictions for the TEST examples.
package struct TestPredictions: Sendable {
    let sets: TestSets
    let models: [ModelName]
    private let scores: [Scores]
    /// Positions in `scores` by index into the dataset.
    private let positions: [Int: Int]

    /// Scores all TEST examples as serving would.
    /// - Parameter encoding: the ensemble's own, where the dataset was built with another's.
    /// - Complexity: O(examples × trees × depth).
    package init(_ ensemble: Ensemble, on sets: TestSets, encoding: CategoryEncoding? = nil) {
        self.sets = sets
        models = ensemble.models
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(sets.dataset.rows(sets.all, encoding: encoding), into: &scores, workspace: &workspace)
        self.scores = scores
        positions = Dictionary(uniqueKeysWithValues: sets.all.enumerated().map { ($1, $0) })
    }

    /// A model's probabilities for some TEST examples.
    func probabilities(_ indices: [Int], _ model: ModelName) -> [Double] {
        indices.map { scores[positions[$0]!][model] }
    }

    /// A model's predictions for each set of an evaluation, ranked.
    func ranked(_ name: Evaluation.Name, _ model: ModelName, seed: UInt64) -> [RankedPredictions] {
        sets.indices[name]!.map { ranked($0, model, seed: seed) }
    }

    /// A model's predictions for some TEST examples, ranked.
    func ranked(_ indices: [Int], _ model: ModelName, seed: UInt64) -> RankedPredictions {
        RankedPredictions(
            probabilities: probabilities(indices, model), labels: sets.labels(indices),
            customers: sets.customers(indices), seed: seed)
    }
}
