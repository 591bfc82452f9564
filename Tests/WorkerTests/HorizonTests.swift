import Ensemble
import Events
import Features
import Foundation
import Pipeline
import Scoring
import TestSupport
import Testing

@testable import Monitoring
@testable import Training

/// Models that look other numbers of days ahead than 30.
@Suite(.serialized) struct HorizonTests {
    static func settings(_ days: Int) -> TrainingSettings {
        var settings = TrainingSettings()
        settings.horizon = Horizon(days: days)
        settings.randomForest.parallelTrees = 20
        settings.xgboost.rounds = 20
        settings.folds = 2
        settings.evaluation.testDays = days + 30
        settings.evaluation.testObservationOffsetsDays = [7, 14, 21]
        return settings
    }

    static func messages(_ days: Int) -> [[UInt8]] {
        // Folds need labels that were known long before.
        let shop = ShopGenerator(customers: 300, days: 330 + 2 * days, seed: 12)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        return messages
    }

    /// What is served is graded as the trainer has evaluated it, and says how far it looks.
    @Test(arguments: [7, 14, 60, 90]) func isServedAndGradedAsItWasEvaluated(days: Int) throws {
        let directory = try TemporaryDirectory()
        let messages = Self.messages(days)
        let history = try directory.file("history.ndjson", Array(messages.joined(separator: [0x0A])))
        let run = TrainingRun(settings: Self.settings(days))
        let prepared = try run.prepare(history: history) { _, _ in }
        let fitted = try run.fit(prepared) { _, _ in }
        _ = try run.write(fitted, prepared, models: directory.path + "/models")
        let version = try #require(
            try FileManager.default.contentsOfDirectory(atPath: directory.path + "/models").first { $0.hasPrefix("20") }
        )
        let artifact = try ModelArtifact(path: "\(directory.path)/models/\(version)")
        #expect(artifact.manifest.horizonDays == days && artifact.schema.horizon.days == days)
        #expect(artifact.schema.names.contains("gap_hazard_\(days)d"))
        #expect(!artifact.schema.names.contains("gap_hazard_30d"))

        let pipeline = ScoringPipeline(
            decoder: EventDecoder(), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
        let state = PartitionState(
            topic: "events", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730,
            labelJoin: pipeline.makeLabelJoin(windowDays: 1000, limit: 1_000_000))
        let decoder = EventDecoder()
        func take(_ message: [UInt8]) throws {
            try message.withUnsafeBytes { bytes in
                let event = try decoder.event(in: bytes)
                if event.isAnonymous { return }
                pipeline.take(event, into: state)
            }
            if pipeline.takenCount == 1024 { _ = try pipeline.publishTaken(of: state, into: Nowhere()) }
        }
        for message in messages { try take(message) }
        let last = prepared.times.end
        // Later events let the last horizons pass.
        for number in 0..<128 {
            try take(SampleEvent(customer: "after", invoice: "\(number)", time: last + 60_000).json)
        }
        _ = try pipeline.publishTaken(of: state, into: Nowhere())

        let test = try #require(state.labelJoin).evaluationSnapshot.predictions.filter {
            $0.time >= prepared.times.split && $0.time <= prepared.times.lastTest
        }
        #expect(test.count > 300 && test.allSatisfy { !$0.label.isPending })
        let results = try #require(try JSONSerialization.jsonObject(with: Data(artifact.results)) as? [String: Any])
        let e1 = try #require(results["E1"] as? [String: [String: Any]])
        for (place, model) in artifact.ensemble.models.enumerated() {
            let metrics = Metrics(
                probabilities: test.map { $0.probabilities[place] }, labels: test.map { $0.label == .bought }, seed: 1)
            let expected = try #require(e1[model.rawValue])
            for (name, value) in [
                ("n", metrics.n), ("positive_rate", metrics.positiveRate), ("roc_auc", metrics.rocAUC),
                ("log_loss", metrics.logLoss), ("brier", metrics.brier), ("ece", metrics.ece),
            ] {
                let wanted = try #require(expected[name] as? Double)
                #expect(abs(value - wanted) < 1e-9, "\(model) \(name): \(value), evaluation \(wanted)")
            }
        }
    }

    /// A checkpoint's labels are of the model that made its predictions: another horizon's cannot be continued.
    @Test func labelsOfAnotherHorizonAreNotContinued() throws {
        func labelJoin(_ days: Int) -> LabelJoin {
            var labelJoin = LabelJoin(horizon: Horizon(days: days), windowDays: 90, limit: 100_000)
            labelJoin.use(LabelJoin.Version(version: "v", servingModel: .blending, models: ModelName.allCases))
            return labelJoin
        }
        for days in [7, 30] {
            var stored = labelJoin(days)
            stored.beginSnapshot(isFull: true, upTo: 5)
            var records: [UInt64: [UInt8]] = [:]
            while let record = stored.nextRecord() { records[record.number] = record.bytes }
            var (same, other) = (labelJoin(days), labelJoin(37 - days))
            try same.restore(records, atLeastUpTo: 5)
            #expect(throws: (any Error).self) { try other.restore(records, atLeastUpTo: 5) }
        }
    }

    /// A model of another horizon is neither compared with the one in service nor put in its place.
    @Test func anotherHorizonReplacesNothing() throws {
        let directory = try TemporaryDirectory()
        let messages = Self.messages(14)
        let history = try directory.file("history.ndjson", Array(messages.joined(separator: [0x0A])))
        func job(_ days: Int) throws -> RetrainJob.Outcome {
            var settings = Self.settings(days)
            settings.gate = QualityGate()
            return try RetrainJob(settings: settings, models: directory.path + "/models").run(
                History(path: history), progress: { _, _ in })
        }
        let first = try job(14)
        let store = ArtifactStore(directory: directory.path + "/models")
        if store.current == nil { try store.promote(try #require(first.version), reason: "by hand") }
        let before = store.current
        let second = try job(7)
        #expect(second.comparison == nil && second.verdicts.contains { $0.rule == "same_horizon" && !$0.holds })
        #expect(store.current == before)
    }

    final class Nowhere: RecordSink {
        let takesOutcomes = false
        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {}
        func publish(_ outcome: OutcomeRecord, in partition: PartitionState) {}
    }
}
