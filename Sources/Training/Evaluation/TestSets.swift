import Ensemble
import Features

/// The TEST examples of the three evaluations.
package struct TestSets: Sendable {
    /// All examples, TRAIN's too.
    package let dataset: Dataset
    /// Indices into the dataset by evaluation: E1 and E2 have one set, E3 one for each observation date at which there are
    /// customers of both labels.
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
        func hasBoth(_ indices: [Int]) -> Bool {
            let positives = indices.count { dataset[$0].label }
            return positives > 0 && positives < indices.count
        }
        let atDates = times.testObservationDates.map { date in
            indices { $0.kind == .observation && $0.time == date }
        }
        let sets: [Evaluation.Name: [[Int]]] = [
            .e1: [indices { $0.kind != .observation }],
            .e2: [indices { $0.kind == .event(isLastOfInvoice: true) }],
            .e3: atDates.filter(hasBoth),
        ]
        guard !times.testObservationDates.isEmpty else {
            throw DataError("E3 has no cut-off within the test period")
        }
        for name in Evaluation.Name.allCases where !(sets[name] ?? []).contains(where: hasBoth) {
            throw Self.nothingToRank(dataset, name == .e3 ? atDates.flatMap { $0 } : sets[name]![0], name, times)
        }
        self.indices = sets
    }

    private static func nothingToRank(
        _ dataset: Dataset, _ indices: [Int], _ name: Evaluation.Name, _ times: EvaluationProtocol
    ) -> DataError {
        let days = times.horizon / EvaluationProtocol.day
        guard let first = indices.first else {
            return DataError(
                "\(name.rawValue) has no points: nothing happens in the tested period; give a longer history")
        }
        let (whoever, advice) =
            dataset[first].label
            ? ("all of customers who buy again within \(days) days", "a shorter horizon_days tells them apart")
            : ("all of customers who do not buy again within \(days) days", "a longer horizon_days tells them apart")
        return DataError(
            "\(name.rawValue) has \(indices.count) points, \(whoever): there is nothing to rank; \(advice), or a longer history "
                + "with more customers")
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
