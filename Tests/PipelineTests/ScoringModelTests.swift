import Ensemble
import Events
import Monitoring
import Pipeline
import Scoring
import TestSupport
import Testing

/// One partition, several models: who scores what, and what becomes of that when it is taken back or read again.
@Suite struct ScoringModelTests {
    private final class Sink: RecordSink {
        var predictions: [Int64: [UInt8]] = [:]
        var outcomes: [[UInt8]] = []
        let takesOutcomes = true
        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
            predictions[message.offset] = Array(prediction.payload)
        }
        func publish(_ outcome: OutcomeRecord, in partition: PartitionState) { outcomes.append(outcome.payload) }
    }

    private let artifacts: [String: ModelArtifact]
    private let names: [String]
    private let messages: [[UInt8]]

    init() throws {
        let directory = try TemporaryDirectory()
        let first = try OtherModel.add(to: directory.path)
        try OtherModel.add(to: directory.path, version: "second", serving: .logisticRegression)
        try OtherModel.add(to: directory.path, version: "third", serving: .xgboost)
        names = [first, "second", "third"]
        artifacts = try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try ModelArtifact(path: "\(directory.path)/\($0)")) })
        let shop = ShopGenerator(customers: 40, days: 300, seed: 5)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        self.messages = messages
    }

    private func pipeline(_ name: String) -> ScoringPipeline {
        ScoringPipeline(
            decoder: EventDecoder(), scorer: Scorer(artifact: artifacts[name]!), monitor: PredictionMonitor(),
            findArtifact: { artifacts[$0] })
    }

    private func state(_ pipeline: ScoringPipeline, restoreEnd: Int, _ models: ModelHistory) -> PartitionState {
        PartitionState(
            topic: "events", number: 0, startOffset: 0, restoreEndOffset: Int64(restoreEnd), timeToLiveDays: 730,
            note: CommitNote(models: models), labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 1_000_000))
    }

    private func serve(_ name: String, _ pipeline: ScoringPipeline) {
        pipeline.serve(ScoringModel(Scorer(artifact: artifacts[name]!)), reference: nil, driftRows: 0)
    }

    /// Processes messages as a stream does, by the models that the partition names.
    private func process(_ range: Range<Int>, _ pipeline: ScoringPipeline, _ state: PartitionState, _ sink: Sink) throws
    {
        for offset in range {
            try messages[offset].withUnsafeBytes { value in
                var batch = SourceBatch()
                batch.append(SourceMessage(position: 0, offset: Int64(offset), value: value))
                batch.endRun(of: state)
                let (model, until) = pipeline.model(at: Int64(offset), of: state)
                _ = try pipeline.process(batch, by: until == .max ? nil : model, into: sink)
            }
        }
    }

    @Test func whatIsTakenBackIsScoredByTheNextModel() throws {
        let (cut, end) = (messages.count / 2, messages.count)
        let (pipeline, sink) = (pipeline(names[0]), Sink())
        let state = state(pipeline, restoreEnd: 0, ModelHistory())
        try process(0..<cut, pipeline, state, sink)
        state.setUndoPoint()
        #expect(state.models.note == "models \(names[0])@0")
        serve("second", pipeline)
        try process(cut..<end, pipeline, state, sink)
        #expect(state.models.note == "models \(names[0])@0 second@\(firstScored(from: cut))")
        #expect(state.undo() == Int64(cut))
        #expect(state.models.note == "models \(names[0])@0")
        // Meanwhile a third one is served.
        serve("third", pipeline)
        try process(cut..<end, pipeline, state, sink)
        #expect(state.models.note == "models \(names[0])@0 third@\(firstScored(from: cut))")
        #expect(String(decoding: sink.predictions[Int64(firstScored(from: cut))]!, as: UTF8.self).contains("\"third\""))
    }

    private func firstScored(from offset: Int) -> Int {
        messages[offset...].firstIndex { message in
            var isScored = false
            _ = try? message.withUnsafeBytes { try EventDecoder().decode($0) { isScored = !$0.isAnonymous } }
            return isScored
        }!
    }

    /// A partition that is rebuilt from the log's start under a model that came last: labels are those of the models that published,
    /// also when the model changes twice while it is being rebuilt.
    @Test(arguments: [false, true]) func rebuiltStatesAreGradedAsPublished(changesMeanwhile: Bool) throws {
        // So that labels of each model's predictions become known behind the last cut.
        let cuts = [0, 50, 60, 68].map { messages.count * $0 / 100 }
        let (live, expected) = (pipeline(names[0]), Sink())
        let whole = state(live, restoreEnd: 0, ModelHistory())
        for (place, name) in names.enumerated() {
            if place > 0 { serve(name, live) }
            try process(cuts[place]..<cuts[place + 1], live, whole, expected)
        }
        let published = expected.outcomes.count
        serve(names[0], live)
        try process(cuts[3]..<messages.count, live, whole, expected)

        let (again, found) = (pipeline(changesMeanwhile ? "third" : names[0]), Sink())
        let rebuilt = state(again, restoreEnd: cuts[3], ModelHistory(note: whole.models.note))
        if changesMeanwhile {
            try process(0..<100, again, rebuilt, found)
            serve("second", again)
            try process(100..<cuts[2] + 50, again, rebuilt, found)
            serve(names[0], again)
            try process(cuts[2] + 50..<cuts[3], again, rebuilt, found)
        } else {
            try process(0..<cuts[3], again, rebuilt, found)
        }
        #expect(found.predictions.isEmpty && found.outcomes.isEmpty, "that has been published")
        try process(cuts[3]..<messages.count, again, rebuilt, found)
        let rest = expected.outcomes.dropFirst(published)
        #expect(rest.count > 50 && found.outcomes == Array(rest))
        #expect(found.predictions == expected.predictions.filter { $0.key >= Int64(cuts[3]) })
        for name in names {
            #expect(rest.contains { String(decoding: $0, as: UTF8.self).contains("\"model_version\":\"\(name)\"") })
        }
    }
}
