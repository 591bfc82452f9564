import Ensemble
import Features

/// The TEST points of the three evaluations.
package struct TestSets: Sendable {
    package let points: ScoringPoints
    /// Indices into the points for each evaluation: one set, and in E3 one a cut-off.
    let indices: [Evaluation.Name: [[Int]]]
    /// All points of any evaluation, ascending.
    let all: [Int]

    /// - Throws: `DataError` when an evaluation has no points or only one kind of label: there is nothing to rank.
    package init(_ points: ScoringPoints, _ times: EvaluationProtocol) throws(DataError) {
        self.points = points
        let all = points.points.indices.filter { times.isTest(points.points[$0]) }
        self.all = all
        func those(_ isIn: (ScoringPoints.Point) -> Bool) -> [Int] { all.filter { isIn(points.points[$0]) } }
        let sets: [Evaluation.Name: [[Int]]] = [
            .e1: [those { $0.kind != .snapshot }],
            .e2: [those { $0.kind == .event(isLastOfInvoice: true) }],
            .e3: times.testSnapshots.map { cutOff in those { $0.kind == .snapshot && $0.time == cutOff } },
        ]
        for name in Evaluation.Name.allCases {
            for indices in sets[name]! { try Self.requireBothLabels(points, indices, name) }
        }
        indices = sets
        guard !times.testSnapshots.isEmpty else { throw DataError("E3 has no cut-off within the test period") }
    }

    private static func requireBothLabels(
        _ points: ScoringPoints, _ indices: [Int], _ name: Evaluation.Name
    ) throws(DataError) {
        let positives = indices.count { points.points[$0].label }
        guard positives > 0, positives < indices.count else {
            throw DataError(
                "\(name.rawValue) has \(indices.count) points" + (indices.isEmpty ? "" : ", all with one label")
                    + ": there is nothing to rank; give a longer history")
        }
    }

    func labels(_ indices: [Int]) -> [Bool] { indices.map { points.points[$0].label } }
    func customers(_ indices: [Int]) -> [Int32] { indices.map { points.points[$0].customer } }

    /// Resamples of the customers that any of these points is of.
    func bootstrap(replicates: Int, seed: UInt64) -> Bootstrap {
        Bootstrap(replicates: replicates, seed: seed, customers: Set(customers(all)).sorted())
    }
}

/// What an ensemble says of the TEST points.
package struct TestPredictions: Sendable {
    let sets: TestSets
    let models: [ModelName]
    private let scores: [Scores]
    /// Where a point's scores stand.
    private let places: [Int: Int]

    /// Scores all points in the form that serves.
    /// - Parameter encoding: the ensemble's own, where the points were made with another's.
    package init(_ ensemble: Ensemble, on sets: TestSets, encoding: CategoryEncoding? = nil) {
        self.sets = sets
        models = ensemble.models
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(sets.points.rows(sets.all, encoding: encoding), into: &scores, workspace: &workspace)
        self.scores = scores
        places = Dictionary(uniqueKeysWithValues: sets.all.enumerated().map { ($1, $0) })
    }

    func probabilities(_ indices: [Int], _ model: ModelName) -> [Double] { indices.map { scores[places[$0]!][model] } }

    func ranked(_ name: Evaluation.Name, _ model: ModelName, seed: UInt64) -> [RankedPredictions] {
        sets.indices[name]!.map { ranked($0, model, seed: seed) }
    }

    func ranked(_ indices: [Int], _ model: ModelName, seed: UInt64) -> RankedPredictions {
        RankedPredictions(
            probabilities: probabilities(indices, model), labels: sets.labels(indices),
            customers: sets.customers(indices), seed: seed)
    }
}
