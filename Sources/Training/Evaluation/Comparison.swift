import Ensemble
import Features
import Monitoring

/// A challenger beside the champion, each by the model that it serves, on the same points and the same resamples.
package struct Comparison: Equatable, Sendable {
    package struct Difference: Equatable, Sendable {
        package let challenger: Double
        package let champion: Double
        /// Of challenger less champion.
        package let interval: Interval?

        package var value: Double { challenger - champion }
    }

    package struct SliceDifference: Equatable, Sendable {
        package let group: String
        package let name: String
        package let rocAUC: Difference
    }

    /// Version of the champion.
    package let champion: String
    package let rocAUC: [Evaluation.Name: Difference]
    package let logLoss: [Evaluation.Name: Difference]
    package let ece: [Evaluation.Name: Difference]
    package let slices: [SliceDifference]

    /// - Parameters: predictions on the same sets, and which model each side serves.
    init(
        _ challenger: TestPredictions, serving: ModelName, champion: TestPredictions, serving championModel: ModelName,
        version: String, seed: UInt64
    ) {
        self.champion = version
        let sets = challenger.sets
        let bootstrap = sets.bootstrap(replicates: Evaluation.replicates, seed: seed)
        typealias Differences = [Evaluation.Name: Difference]
        var (rocAUC, logLoss, ece): (Differences, Differences, Differences) = ([:], [:], [:])
        for name in Evaluation.Name.allCases {
            let ours = challenger.ranked(name, serving, seed: seed)
            let theirs = champion.ranked(name, championModel, seed: seed)
            let (a, b) = (bootstrap.figures(ours), bootstrap.figures(theirs))
            rocAUC[name] = Self.difference(ours, theirs, a, b, bootstrap, \.rocAUC)
            logLoss[name] = Self.difference(ours, theirs, a, b, bootstrap, \.logLoss)
            ece[name] = Self.difference(ours, theirs, a, b, bootstrap, \.ece)
        }
        (self.rocAUC, self.logLoss, self.ece) = (rocAUC, logLoss, ece)
        slices = Slice.indices(sets).map { group, name, indices in
            let ours = [challenger.ranked(indices, serving, seed: seed)]
            let theirs = [champion.ranked(indices, championModel, seed: seed)]
            return SliceDifference(
                group: group, name: name,
                rocAUC: Self.difference(
                    ours, theirs, bootstrap.figures(ours), bootstrap.figures(theirs), bootstrap, \.rocAUC))
        }
    }

    private static func difference(
        _ ours: [RankedPredictions], _ theirs: [RankedPredictions], _ a: [SampleFigures], _ b: [SampleFigures],
        _ bootstrap: Bootstrap, _ figure: KeyPath<SampleFigures, Double>
    ) -> Difference {
        Difference(
            challenger: bootstrap.whole(ours)[keyPath: figure], champion: bootstrap.whole(theirs)[keyPath: figure],
            interval: Interval(zip(a, b).map { $0[keyPath: figure] - $1[keyPath: figure] }))
    }
}
