import Ensemble
import Monitoring

extension ReferenceDistributions {
    /// Of the first event of each invoice among some points, as an ensemble scores it.
    init(
        _ points: ScoringPoints, isIn: (ScoringPoints.Point) -> Bool, ensemble: Ensemble, serving: ModelName
    ) {
        let indices = points.points.indices.filter { index in
            let point = points.points[index]
            return point.kind != .snapshot && point.positionInInvoice == 1 && isIn(point)
        }
        let rows = points.rows(indices)
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(rows, into: &scores, workspace: &workspace)
        self.init(
            rows, customers: indices.map { points.points[$0].customer }, probabilities: scores.map { $0[serving] })
    }
}
