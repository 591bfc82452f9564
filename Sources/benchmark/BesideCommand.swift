import ArgumentParser
import Console
import Ensemble
import Events
import Monitoring
import Pipeline
import Scoring

struct BesideCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "beside",
        abstract: "What models beside the one in service cost: the whole pipeline with them and without, in turns.",
        discussion:
            "From messages' bytes to payloads and graded labels, on one core. The models beside it are copies of it.")

    @Option(help: "History whose messages are scored. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @Option(help: "Messages.")
    var messages = 200_000

    @OptionGroup var measurement: MeasurementOptions

    /// Messages that pass together.
    private static let batch = 1024

    private static let cases: [(name: String, challengers: Int, canary: Int, isPublished: Bool)] = [
        ("alone", 0, 0, false), ("one challenger, graded only", 1, 0, false),
        ("one challenger, published too", 1, 0, true), ("three challengers, graded only", 3, 0, false),
        ("a canary for a tenth of the customers", 0, 1000, false),
    ]

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making messages")
            let messages = try Messages(history: history, limit: messages, copies: 1)
            let artifact = try ModelArtifact(path: models)
            var times = [[Double]](repeating: [], count: Self.cases.count)
            for round in 0..<measurement.repetitions {
                progress.show("scoring", share: Double(round) / Double(measurement.repetitions))
                for (place, entry) in Self.cases.enumerated() {
                    let beside =
                        (entry.canary > 0 ? [CompanionModel(artifact, servedShare: entry.canary)] : [])
                        + (0..<entry.challengers).map { _ in CompanionModel(artifact) }
                    let scorer = try Scorer(
                        artifact: artifact, explainedFeatures: 0, beside: beside, writesChallengers: entry.isPublished)
                    times[place].append(try measure(messages, scorer))
                }
            }
            progress.finish()
            let figures = zip(Self.cases, times).map { Figure($0.name, unit: "ns/message", $1) }
            try ([figures[0]] + figures.dropFirst().map { $0.relative(to: figures[0]) }).write(
                asJSON: measurement.json)
        }
    }

    /// - Returns: nanoseconds a message.
    private func measure(_ messages: Messages, _ scorer: Scorer) throws -> Double {
        let pipeline = ScoringPipeline(decoder: EventDecoder(), scorer: scorer, monitor: PredictionMonitor())
        let partition = PartitionState(
            topic: "events", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730,
            labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: messages.ends.count))
        let sink = CountingSink()
        var offset: Int64 = 0
        let spent = try seconds {
            try messages.batches(of: Self.batch) { lent in
                var batch = SourceBatch()
                for (position, message) in lent.enumerated() {
                    batch.append(SourceMessage(position: position, offset: offset, value: message))
                    offset += 1
                }
                batch.endRun(of: partition)
                _ = try pipeline.process(batch, into: sink)
            }
        }
        precondition(sink.bytes > 0)
        return spent * 1e9 / Double(messages.ends.count)
    }
}

/// Counts the bytes of what it is given.
private final class CountingSink: RecordSink {
    private(set) var bytes = 0
    func reject(_ rejected: [RejectedMessage], live: Int) {}
    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
        bytes += prediction.payload.count
    }
    func publish(challenger: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
        bytes += challenger.payload.count
    }
}
