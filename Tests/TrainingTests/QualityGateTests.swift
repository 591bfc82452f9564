import Ensemble
import Events
import Foundation
import TestSupport
import Testing

@testable import Training

/// Rules at and beyond their limits, in both directions.
@Suite struct QualityGateTests {
    /// An evaluation, and a challenger beside a champion that ranks or promises worse or better by a known turn.
    @Test func eachRuleBreaksInItsOwnDirection() throws {
        let directory = try TemporaryDirectory()
        let path = try TrainerTests.history(in: directory, customers: 300)
        let run = TrainingRun(settings: TrainerTests.small())
        let prepared = try run.prepare(history: path) { _, _ in }
        let good = try run.fit(prepared) { _, _ in }
        // The same members, told to promise far too little, and to rank the other way round.
        func changed(_ change: (inout LogOddsWeights) -> Void) -> TestPredictions {
            let weights = good.result.weights.mapValues { weights in
                var weights = weights
                change(&weights)
                return weights
            }
            let ensemble = Ensemble(
                logisticRegression: good.result.logisticRegression,
                randomForest: try! XGBoostModelFile.parse(good.result.randomForestFile, path: "f"),
                xgboost: try! XGBoostModelFile.parse(good.result.xgboostFile, path: "x"), weights: weights)
            return TestPredictions(ensemble, on: good.predictions.sets)
        }
        let quiet = changed { $0.intercept -= 4 }
        let wrong = changed { weights in
            weights.logisticRegression *= -1
            weights.randomForest *= -1
            weights.xgboost *= -1
        }
        let worstECE = Evaluation.Name.allCases.map { good.evaluation.metrics[$0]![.blending]!.ece }.max()!
        func broken(_ challenger: TestPredictions, against champion: TestPredictions) -> Set<String> {
            let evaluation = Evaluation(challenger, serving: .blending, seed: 1)
            let comparison = ChampionComparison(
                challenger, serving: .blending, champion: champion, serving: .blending, version: "v", seed: 1)
            var gate = QualityGate()
            gate.minROCAUC = 0.55
            gate.maxECE = worstECE + 0.01
            return Set(gate.verdicts(evaluation, comparison).filter { !$0.holds }.map(\.rule))
        }
        #expect(broken(good.predictions, against: good.predictions) == [])
        #expect(broken(good.predictions, against: quiet) == [])
        #expect(broken(good.predictions, against: wrong) == [])
        // The same order: only what it promises is wrong.
        #expect(broken(quiet, against: good.predictions) == ["max_ece", "max_log_loss_increase"])
        // What cannot be judged does not pass.
        var empty = Evaluation(good.predictions, serving: .blending, seed: 1)
        empty.metrics[.e2] = nil
        var gate = QualityGate()
        gate.minROCAUC = 0.55
        gate.maxECE = worstECE + 0.01
        let unjudged = gate.verdicts(empty, nil).filter { !$0.holds }
        #expect(unjudged.map(\.rule) == ["min_roc_auc"] && unjudged[0].text.contains("has no figures"))
        var comparison = ChampionComparison(
            good.predictions, serving: .blending, champion: good.predictions, serving: .blending, version: "v", seed: 1)
        comparison.slices = [
            .init(group: "country", name: "Iceland", rocAUC: .init(challenger: 0.5, champion: 0.7, interval: nil)),
            .init(
                group: "country", name: "Malta",
                rocAUC: .init(
                    challenger: 0.5, champion: 0.7, interval: Interval((0..<101).map { -0.5 + 0.006 * Double($0) }))),
        ]
        let slices = gate.verdicts(Evaluation(good.predictions, serving: .blending, seed: 1), comparison)
            .filter { $0.rule == "max_slice_roc_auc_loss" }
        #expect(slices.map(\.holds) == [false, true], "without an interval noise is no excuse")
        let reversed = broken(wrong, against: good.predictions)
        #expect(reversed.isSuperset(of: ["min_roc_auc", "max_roc_auc_loss", "max_slice_roc_auc_loss"]))
    }
}
