import Ensemble
import Features
import Monitoring

extension ReferenceDistributions {
    /// The distributions of features and scores over the first event of each invoice, as drift is measured against them.
    /// - Parameters:
    ///   - isIncluded: whether an example may be taken.
    ///   - serving: the model whose scores are taken.
    init(
        _ dataset: Dataset, of schema: FeatureSchema, isIncluded: (Example) -> Bool, ensemble: Ensemble,
        serving: ModelName
    ) {
        let indices = dataset.indices.filter { index in
            let example = dataset[index]
            return example.kind != .observation && example.positionInInvoice == 1 && isIncluded(example)
        }
        let rows = dataset.rows(indices)
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(rows, into: &scores, workspace: &workspace)
        self.init(
            rows, of: schema, customers: indices.map { dataset[$0].customer }, probabilities: scores.map { $0[serving] }
        )
    }
}
