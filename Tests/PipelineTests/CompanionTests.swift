import Customers
import Ensemble
import Events
import Foundation
import Scoring
import TestSupport
import Testing

@testable import Monitoring
@testable import Pipeline

/// Several models score the same rows: one serves, a canary serves a share of the customers, a challenger nobody.
@Suite struct CompanionTests {
    private final class Sink: RecordSink {
        var predictions: [Int64: [UInt8]] = [:]
        var challengers: [Int64: [UInt8]] = [:]
        var served: [Int64: UInt64] = [:]
        var outcomes: [[UInt8]] = []
        let takesOutcomes = true
        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
            predictions[message.offset] = Array(prediction.payload)
            served[message.offset] = prediction.customerHash
        }
        func publish(challenger: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
            if !challenger.payload.isEmpty { challengers[message.offset] = Array(challenger.payload) }
        }
        func publish(_ outcome: OutcomeRecord, in partition: PartitionState) { outcomes.append(outcome.payload) }
    }

    private static let share = 3000
    private let artifacts: [ModelArtifact]
    private let messages: [[UInt8]]

    init() throws {
        let directory = try TemporaryDirectory()
        let first = try OtherModel.add(to: directory.path)
        try OtherModel.add(to: directory.path, version: "canary", serving: .logisticRegression)
        let challenger = try OtherModel.add(to: directory.path, version: "challenger", serving: .randomForest)
        // Its own table of countries: its column differs.
        try OtherModel.edit("\(directory.path)/\(challenger)") { manifest in
            manifest.replacing("\"United Kingdom\"", with: "\"Nowhere\"").replacing(
                "\"France\"", with: "\"United Kingdom\"")
        }
        artifacts = try [first, "canary", "challenger"].map { try ModelArtifact(path: "\(directory.path)/\($0)") }
        let shop = ShopGenerator(customers: 60, days: 300, seed: 9)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        self.messages = messages
    }

    private var companions: [CompanionModel] {
        [CompanionModel(artifacts[1], servedShare: Self.share), CompanionModel(artifacts[2])]
    }

    private func find(_ version: String) -> ModelArtifact? { artifacts.first { $0.manifest.version == version } }

    private func pipeline(_ scorer: Scorer) -> ScoringPipeline {
        ScoringPipeline(
            decoder: EventDecoder(), scorer: scorer, monitor: PredictionMonitor(), findArtifact: { find($0) })
    }

    private func together(explained: Int = 0) throws -> Scorer {
        try Scorer(
            artifact: artifacts[0], explainedFeatures: explained, beside: companions, writesChallengers: true)
    }

    private func state(
        _ pipeline: ScoringPipeline, restoreEnd: Int = 0, rescoring: RescoringSchedule? = nil, note: String = ""
    ) -> PartitionState {
        PartitionState(
            topic: "events", number: 0, startOffset: 0, restoreEndOffset: Int64(restoreEnd), timeToLiveDays: 730,
            rescoring: rescoring, note: CommitNote(note),
            labelJoin: pipeline.makeLabelJoin(windowDays: 3650, limit: 1_000_000))
    }

    /// - Parameter batch: messages processed together.
    private func process(
        _ range: Range<Int>, _ pipeline: ScoringPipeline, _ state: PartitionState, _ sink: Sink, batch size: Int
    ) throws {
        var start = range.lowerBound
        while start < range.upperBound {
            let (model, until) = pipeline.model(at: Int64(start), of: state)
            var end = min(start + size, range.upperBound)
            if until != .max { end = min(end, Int(until)) }
            var batch = SourceBatch()
            var lent: [UnsafeMutableRawBufferPointer] = []
            defer { for buffer in lent { buffer.deallocate() } }
            for offset in start..<end {
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: messages[offset].count, alignment: 1)
                copy.copyBytes(from: messages[offset])
                lent.append(copy)
                batch.append(
                    SourceMessage(position: offset - start, offset: Int64(offset), value: UnsafeRawBufferPointer(copy)))
            }
            batch.endRun(of: state)
            repeat {
                _ = try pipeline.process(batch, by: until == .max ? nil : model, into: sink)
                _ = try pipeline.rescoreAll(state, into: sink)
            } while state.stateOffset < Int64(end)
            start = end
        }
    }

    private func alone(_ artifact: ModelArtifact, explained: Int = 0) throws -> (Sink, PartitionState) {
        let (pipeline, sink) = (pipeline(try Scorer(artifact: artifact, explainedFeatures: explained)), Sink())
        let state = state(pipeline)
        try process(messages.indices, pipeline, state, sink, batch: 64)
        return (sink, state)
    }

    /// What is published is, byte for byte, what the model would publish alone that it says it is of; and that is the canary for the
    /// customers of its share, whatever the batches.
    @Test(arguments: [(1, 0), (64, 0), (257, 3)]) func eachServesItsCustomersAsIfItWereAlone(
        batch: Int, explained: Int
    ) throws {
        let (pipeline, sink) = (pipeline(try together(explained: explained)), Sink())
        try process(messages.indices, pipeline, state(pipeline), sink, batch: batch)
        let lone = try artifacts.map { try alone($0, explained: explained).0 }
        var byCanary = 0
        for (offset, payload) in sink.predictions {
            let isCanary = ModelRoles.Canary.serves(try #require(sink.served[offset]), perTenThousand: Self.share)
            if isCanary { byCanary += 1 }
            let isEqual = payload == lone[isCanary ? 1 : 0].predictions[offset]
            #expect(isEqual, "offset \(offset)")
        }
        #expect(sink.predictions.count == lone[0].predictions.count && byCanary > 100)
        let challengersAreEqual = sink.challengers == lone[2].predictions
        #expect(challengersAreEqual && sink.challengers.count == sink.predictions.count)
        // An outcome is of what was served.
        let canaries = sink.outcomes.count {
            String(decoding: $0, as: UTF8.self).contains("\"model_version\":\"canary\"")
        }
        #expect(sink.outcomes.count == lone[0].outcomes.count && canaries > 50)
        #expect(sink.outcomes.allSatisfy { !String(decoding: $0, as: UTF8.self).contains("\"challenger\"") })
        #expect(Set(sink.outcomes).subtracting(lone[0].outcomes).subtracting(lone[1].outcomes).isEmpty)
    }

    /// Side by side, each is graded as if it had scored everything alone.
    @Test func eachIsGradedOnAllPredictions() throws {
        let (pipeline, sink) = (pipeline(try together()), Sink())
        let state = state(pipeline)
        try process(messages.indices, pipeline, state, sink, batch: 100)
        let grades = OnlineEvaluation(
            [try #require(state.labelJoin).evaluationSnapshot], champion: artifacts[0].manifest.version)
        #expect(grades.versions.map(\.version) == artifacts.map(\.manifest.version).sorted())
        for artifact in artifacts {
            let lone = OnlineEvaluation([try #require(try alone(artifact).1.labelJoin).evaluationSnapshot])
            let version = artifact.manifest.version
            let (found, expected) = (
                grades.versions.first { $0.version == version }?.figures, lone.versions.first?.figures
            )
            #expect(found?[.blending]?.n ?? 0 > 500 && found?.count == 5)
            for model in ModelName.allCases {
                let (a, b) = (try #require(found?[model]), try #require(expected?[model]))
                #expect(a.n == b.n && a.rocAUC == b.rocAUC && a.logLoss == b.logLoss, "\(version) \(model)")
            }
        }
        // The labels of one event are one label.
        var labels: [Int64: Set<UInt8>] = [:]
        for prediction in try #require(state.labelJoin).evaluationSnapshot.predictions {
            labels[prediction.offset, default: []].insert(prediction.label.rawValue)
        }
        #expect(labels.values.allSatisfy { $0.count == 1 })
        // Held against the one in service, on the same events.
        #expect(grades.comparisons.map(\.version) == ["canary", "challenger"])
        func figures(_ version: String) -> Metrics? {
            grades.versions.first { $0.version == version }.flatMap { $0.figures[$0.servingModel] }
        }
        let own = try #require(figures(artifacts[0].manifest.version))
        for comparison in grades.comparisons {
            let other = try #require(figures(comparison.version))
            #expect(Double(comparison.all.predictions) == own.n)
            #expect(abs(try #require(comparison.all.logLoss).value - (own.logLoss - other.logLoss)) < 1e-12)
            #expect(abs(try #require(comparison.all.rocAUC).value - (other.rocAUC - own.rocAUC)) < 1e-12)
            for group in Set(comparison.slices.map(\.group)) {
                let its = comparison.slices.filter { $0.group == group }.reduce(0) { $0 + $1.figures.predictions }
                #expect(its == comparison.all.predictions, "\(group)")
            }
        }
    }

    /// A restart rebuilds who served whom and who was graded: states, predictions and outcomes go on as if there had been none.
    @Test(arguments: [nil, RescoringSchedule(period: 7 * EventTime.millisecondsPerDay)])
    func aRestartGoesOnAsIfThereHadBeenNone(rescoring: RescoringSchedule?) throws {
        let cuts = [0, 40, 55, 70].map { messages.count * $0 / 100 }
        let (whole, expected) = (pipeline(Scorer(artifact: artifacts[0])), Sink())
        let live = state(whole, rescoring: rescoring)
        // Alone, then with both, then with a challenger that was the canary.
        try process(cuts[0]..<cuts[1], whole, live, expected, batch: 64)
        whole.serve(ScoringModel(try together()), reference: nil, driftRows: 0)
        try process(cuts[1]..<cuts[2], whole, live, expected, batch: 64)
        let last = { () throws in
            try Scorer(
                artifact: artifacts[0], explainedFeatures: 0, beside: [CompanionModel(artifacts[1])],
                writesChallengers: true)
        }
        whole.serve(ScoringModel(try last()), reference: nil, driftRows: 0)
        try process(cuts[2]..<cuts[3], whole, live, expected, batch: 64)
        let note = live.note.text
        #expect(note.contains("+canary*\(Self.share)~challenger@") && note.contains("~canary@"))
        let published = (expected.outcomes.count, expected.predictions.count)
        try process(cuts[3]..<messages.count, whole, live, expected, batch: 64)

        let (again, found) = (pipeline(try last()), Sink())
        let rebuilt = state(again, restoreEnd: cuts[3], rescoring: rescoring, note: note)
        try process(0..<messages.count, again, rebuilt, found, batch: 37)
        let outcomesAreEqual = found.outcomes == Array(expected.outcomes.dropFirst(published.0))
        #expect(outcomesAreEqual && found.outcomes.count > 50)
        let predictionsAreEqual = found.predictions == expected.predictions.filter { $0.key >= Int64(cuts[3]) }
        #expect(predictionsAreEqual)
        let grades = [live, rebuilt].map { OnlineEvaluation([$0.labelJoin!.evaluationSnapshot]).versions }
        #expect(grades[0].count == 3 && grades[1].map(\.version) == grades[0].map(\.version))
        for (a, b) in zip(grades[0], grades[1]) {
            #expect(a.figures[a.servingModel]?.n == b.figures[b.servingModel]?.n, "\(a.version)")
            #expect(a.figures[a.servingModel]?.logLoss == b.figures[b.servingModel]?.logLoss, "\(a.version)")
        }
    }

    @Test func aShareIsOfCustomersAndGrows() {
        let hashes = (0..<20_000).map { contentHash(of: "customer-\($0)") }
        var before: Set<UInt64> = []
        for share in [1, 500, 3000, 10_000] {
            let served = Set(hashes.filter { ModelRoles.Canary.serves($0, perTenThousand: share) })
            #expect(before.isSubset(of: served))
            #expect(abs(Double(served.count) / 20_000 - Double(share) / 10_000) < 0.01)
            before = served
        }
        #expect(before.count == hashes.count)
    }

    @Test func aMixIsWhatItsTextSays() {
        for text in ["a", "a+b*1", "a+b*10000~c", "a~c~d~e", "2011-09-01-x_y+b.c*77"] {
            #expect(ModelMix(text)?.text == text)
        }
        for odd in [
            "", "+b*5", "a+b", "a+b*", "a+b*0", "a+b*10001", "a+b*5+c*5", "a~", "a~b~c~d~e", "a b", ".a", "a+*5",
        ] {
            #expect(ModelMix(odd) == nil, "\(odd)")
        }
    }

    /// On the whole history all three are graded as `trainer evaluate` has graded their artifact.
    @Test(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
    func onTheRealHistoryGradesAreThoseOfTheEvaluation() throws {
        let pipeline = pipeline(Scorer(artifact: artifacts[0], beside: companions))
        let sink = Sink()
        let state = PartitionState(
            topic: "events", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730,
            labelJoin: pipeline.makeLabelJoin(windowDays: 3650, limit: 2_000_000))
        let reader = try HistoryReader(path: try #require(RealHistory.path))
        var latest: Int64 = 0
        while let event = try reader.next() {
            if event.isAnonymous { continue }
            latest = max(latest, event.time)
            pipeline.take(event, into: state)
            if pipeline.takenCount == 4096 { _ = try pipeline.publishTaken(of: state, into: sink) }
        }
        // Later events let the last horizons pass.
        for number in 0..<128 {
            let after = SampleEvent(customer: "after", invoice: "\(number)", time: latest + 60_000)
            try EventDecoder().with(after) { pipeline.take($0, into: state) }
        }
        _ = try pipeline.publishTaken(of: state, into: sink)

        let split = try #require(EventTime.parse("2011-09-01T00:00:00Z"))
        let results = try #require(
            try JSONSerialization.jsonObject(with: Data(artifacts[0].results)) as? [String: Any])
        let e1 = try #require(results["E1"] as? [String: [String: Any]])
        let labelJoin = try #require(state.labelJoin)
        let points = labelJoin.evaluationSnapshot.predictions.filter {
            $0.time >= split && $0.time + labelJoin.horizon <= latest
        }
        for artifact in artifacts {
            let version = artifact.manifest.version
            let numbers = labelJoin.versions.indices.filter { labelJoin.versions[$0].version == version }
            let its = points.filter { numbers.contains(Int($0.version)) }
            // The challenger reads another table of countries than it has learned from.
            guard version != "challenger" else {
                #expect(Double(its.count) == e1["blending"]?["n"] as? Double)
                continue
            }
            for (place, model) in ModelName.allCases.enumerated() {
                let metrics = Metrics(
                    probabilities: its.map { $0.probabilities[place] }, labels: its.map { $0.label == .bought }, seed: 1
                )
                for (name, value) in [("n", metrics.n), ("roc_auc", metrics.rocAUC), ("log_loss", metrics.logLoss)] {
                    let wanted = try #require(e1[model.rawValue]?[name] as? Double)
                    #expect(abs(value - wanted) < 1e-9, "\(version), \(model) \(name): \(value), evaluation \(wanted)")
                }
            }
        }
    }
}
