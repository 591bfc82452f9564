import Ensemble
import Features

/// The TEST examples of the three evaluations.
package struct TestSets: Sendable {
    /// All examples, TRAIN's too.
    package let dataset: Dataset
    /// Indices into the dataset by evaluation: E1 and E2 have one set, E3 one for each observation date.
    let indices: [Evaluation.Name: [[Int]]]
    /// The indices of all examples of any evaluation, ascending.
    let all: [Int]

    /// - Throws: `DataError` when an evaluation has no examples or only one label, as nothing can be ranked then.
    /// - Complexity: O(examples).
    package init(_ dataset: Dataset, _ times: EvaluationProtocol) throws(DataError) {
        self.dataset = dataset
        let all = dataset.indices.filter { times.isTest(dataset[$0]) }
        self.all = all
        func indices(_ isIncluded: (Example) -> Bool) -> [Int] { all.filter { isIncluded(dataset[$0]) } }
        let sets: [Evaluation.Name: [[Int]]] = [
            .e1: [indices { $0.kind != .observation }],
            .e2: [indices { $0.kind == .event(isLastOfInvoice: true) }],
            .e3: times.testObservationDates.map { date in indices { $0.kind == .observation && $0.time == date } },
        ]
        for name in Evaluation.Name.allCases {
            for indices in sets[name]! { try Self.requireBothLabels(dataset, indices, name) }
        }
        self.indices = sets
        guard !times.testObservationDates.isEmpty else {
            throw DataError("E3 has no cut-off within the test period")
        }
    }

    private static func requireBothLabels(
        _ dataset: Dataset, _ indices: [Int], _ name: Evaluation.Name
    ) throws(DataError) {
        let positives = indices.count { dataset[$0].label }
        guard positives > 0, positives < indices.count else {
            throw DataError(
                "\(name.rawValue) has \(indices.count) points" + (indices.isEmpty ? "" : ", all with one label")
                    + ": there is nothing to rank; give a longer history")
        }
    }

    /// The labels of some examples.
    func labels(_ indices: [Int]) -> [Bool] { indices.map { dataset[$0].label } }

    /// The customers' numbers of some examples.
    func customers(_ indices: [Int]) -> [Int32] { indices.map { dataset[$0].customer } }

    /// A bootstrap over the customers who have a TEST example.
    func bootstrap(replicates: Int, seed: UInt64) -> Bootstrap {
        Bootstrap(replicates: replicates, seed: seed, customers: Set(customers(all)).sorted())
    }
}
