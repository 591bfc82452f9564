import Ensemble
import Features
import Monitoring

/// A challenger compared with the champion on the same TEST examples, each by the model that it serves.
///
/// Intervals are of the difference of a metric, by a paired bootstrap over customers.
package struct ChampionComparison: Equatable, Sendable {
    /// A metric of both models.
    package struct Difference: Equatable, Sendable {
        /// The challenger's.
        package let challenger: Double
        /// The champion's.
        package let champion: Double
        /// The 95 % interval of challenger less champion; `nil` where too few replicates have both.
        package let interval: Interval?

        /// Challenger less champion.
        package var value: Double { challenger - champion }
    }

    /// The ROC-AUC of both models on one slice of E2.
    package struct SliceDifference: Equatable, Sendable {
        /// What the examples are divided by.
        package let group: String
        /// The part's name within its group.
        package let name: String
        /// Both models' ROC-AUC.
        package let rocAUC: Difference
    }

    /// The champion's version.
    package let champion: String
    /// ROC-AUC by evaluation.
    package let rocAUC: [Evaluation.Name: Difference]
    /// Log loss by evaluation.
    package let logLoss: [Evaluation.Name: Difference]
    /// Expected calibration error by evaluation.
    package let ece: [Evaluation.Name: Difference]
    /// ROC-AUC by slice of E2, in the slices' order.
    package internal(set) var slices: [SliceDifference]

    /// Every difference with its evaluation and the metric's name, as reports list them.
    var differences: [(evaluation: Evaluation.Name, metric: String, difference: Difference)] {
        Evaluation.Name.allCases.flatMap { name in
            [("ROC-AUC", rocAUC), ("log loss", logLoss), ("ECE", ece)].compactMap { metric, differences in
                differences[name].map { (name, metric, $0) }
            }
        }
    }

    /// One model's predictions for one or several sets, with their metrics in every replicate.
    private struct Side {
        let predictions: [RankedPredictions]
        let replicates: [BootstrapMetrics]

        init(_ predictions: [RankedPredictions], _ bootstrap: Bootstrap) {
            self.predictions = predictions
            replicates = bootstrap.metrics(predictions)
        }
    }

    /// - Parameters:
    ///   - challenger, champion: predictions for the same TEST sets.
    ///   - serving: the model that the side before serves.
    ///   - version: the champion's.
    /// - Complexity: O(replicates × examples).
    init(
        _ challenger: TestPredictions, serving: ModelName, champion: TestPredictions, serving championModel: ModelName,
        version: String, seed: UInt64
    ) {
        self.champion = version
        let sets = challenger.sets
        let bootstrap = sets.bootstrap(replicates: Evaluation.replicates, seed: seed)
        func difference(
            _ challenger: Side, _ champion: Side, _ metric: KeyPath<BootstrapMetrics, Double>
        ) -> Difference {
            Difference(
                challenger: bootstrap.pointEstimate(challenger.predictions)[keyPath: metric],
                champion: bootstrap.pointEstimate(champion.predictions)[keyPath: metric],
                interval: Interval(
                    zip(challenger.replicates, champion.replicates).map {
                        $0[keyPath: metric] - $1[keyPath: metric]
                    }))
        }
        var (rocAUC, logLoss, ece) = (
            [Evaluation.Name: Difference](), [Evaluation.Name: Difference](),
            [Evaluation.Name: Difference]()
        )
        for name in Evaluation.Name.allCases {
            let ours = Side(challenger.ranked(name, serving, seed: seed), bootstrap)
            let theirs = Side(champion.ranked(name, championModel, seed: seed), bootstrap)
            rocAUC[name] = difference(ours, theirs, \.rocAUC)
            logLoss[name] = difference(ours, theirs, \.logLoss)
            ece[name] = difference(ours, theirs, \.ece)
        }
        (self.rocAUC, self.logLoss, self.ece) = (rocAUC, logLoss, ece)
        slices = Slice.indices(sets).map { group, name, indices in
            let ours = Side([challenger.ranked(indices, serving, seed: seed)], bootstrap)
            let theirs = Side([champion.ranked(indices, championModel, seed: seed)], bootstrap)
            return SliceDifference(group: group, name: name, rocAUC: difference(ours, theirs, \.rocAUC))
        }
    }
}
