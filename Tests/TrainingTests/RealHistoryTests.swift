import Ensemble
import Events
import Features
import Foundation
import Monitoring
import TestSupport
import Testing

@testable import Training

extension EvaluationProtocol {
    /// The observation dates of TRAIN, ascending.
    fileprivate var trainingObservationDates: [Int64] {
        regularObservationDates.filter { $0 + horizon <= split }
    }
}

/// The committed artifact on the real history.
@Suite(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
struct RealHistoryTests {
    @Test func theCommittedArtifactReachesItsFigures() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let prepared = try TrainingRun(settings: TrainingSettings()).prepare(
            history: RealHistory.path!, countries: artifact.manifest.countries
        ) { _, _ in }
        #expect(EventTime.text(prepared.times.split) == "2011-09-01T00:00:00Z")
        #expect(
            prepared.times.testObservationDates.map { EventTime.text($0).prefix(10) } == [
                "2011-09-01", "2011-09-15", "2011-10-01", "2011-10-15", "2011-11-01",
            ])
        #expect(EventTime.text(prepared.times.trainingObservationDates[0]) == "2011-01-15T00:00:00Z")

        let evaluation = Evaluation(
            TestPredictions(artifact.ensemble, on: try TestSets(prepared.dataset, prepared.times)),
            serving: artifact.manifest.servingModel, seed: UInt64(artifact.manifest.seed))
        let e1 = try #require(evaluation.metrics[.e1])
        let e2 = try #require(evaluation.metrics[.e2])
        // The protocol's own counts.
        #expect(e1[.stacking]!.n == 108_144)
        #expect(e2[.stacking]!.n == 5171)
        #expect(evaluation.firstObservationDate[.stacking]!.n == 3317)
        #expect(abs(e2[.stacking]!.positiveRate - 0.501) < 0.0005)

        for model in ModelName.allCases { #expect(e2[model]!.rocAUC >= 0.79, "\(model)") }
        #expect(max(e2[.stacking]!.rocAUC, e2[.blending]!.rocAUC) >= 0.80)
        // What the artifact says of itself is what it does.
        #expect(try evaluation.json() == artifact.results)
        #expect(prepared.survey.digest == artifact.manifest.history.sha256)
    }

    @Test func libxgboostGivesTheSameMarginsForRealRows() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let prepared = try TrainingRun(settings: TrainingSettings()).prepare(
            history: RealHistory.path!, countries: artifact.manifest.countries
        ) { _, _ in }
        let indices = Array(stride(from: 0, to: prepared.dataset.count, by: 3))
        let rows = prepared.dataset.rows(indices)
        let matrix = try TrainingMatrix(rows, labels: [], weights: [])
        for (file, model) in [("random_forest.ubj", artifact.randomForest), ("xgboost.ubj", artifact.xgboost)] {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(artifact.directory)/\(file)")))
            let theirs = try Booster(modelFile: bytes).margins(matrix)
            let ours = CompiledForest([model]).margins(rows)[0]
            #expect(theirs == ours)
        }
    }
}
