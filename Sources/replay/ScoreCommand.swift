import ArgumentParser
import Console
import Events
import Pipeline
import Scoring
import Worker

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract:
            "Walks a history through state, features and ensemble without Kafka, and writes the payloads that the "
            + "worker would publish, one a line, in order.")

    @Option(help: "History of events: CSV or NDJSON, plain or gzip; - is standard input.")
    var history: String

    @Option(help: "Directory of artifacts, or one artifact.")
    var models: String

    @Option(help: "File for the payloads; - is standard output.")
    var output: String

    @Option(help: "File for the feature row of each scored event: a NumPy array (.npy) of 32-bit floats.")
    var features: String?

    @Option(help: "Events scored together. Makes no difference to what comes out.")
    var batch = 1024

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard output != features else { throw ValidationError("--output and --features must be two files") }
        guard (1...1_000_000).contains(batch) else { throw ValidationError("--batch must be 1 to 1000000") }
    }

    func run() throws {
        try reportingFailures {
            let settings = try WorkerSettings(configuration.reader(for: .worker))
            let progress = Progress()
            let reader = try HistoryReader(path: history, format: settings.events)
            let artifact = try ModelLoader(settings: settings).artifact(at: models)
            let pipeline = ScoringPipeline(
                decoder: EventDecoder(format: settings.events),
                scorer: try ModelLoader(settings: settings).scorer(artifact), monitor: PredictionMonitor())
            let partition = PartitionState(
                timeToLiveDays: settings.timeToLiveDays, rescoring: settings.rescoring)
            let sink = try PayloadFile(path: output, features: features)
            var (events, scored, anonymous) = (0, 0, 0)

            func publish() throws {
                scored += try pipeline.publishTaken(of: partition, into: sink)
                progress.show("scoring", detail: "\(events) events", share: reader.share)
            }
            while let event = try reader.next() {
                events += 1
                if event.isAnonymous {
                    anonymous += 1
                    continue
                }
                pipeline.take(event, isLastOfMessage: reader.isLastOfMessage, into: partition)
                if pipeline.takenCount == batch || partition.isRescoringDue { try publish() }
            }
            guard events > 0 else { throw HistoryError(path: history, reason: "holds no events") }
            try publish()
            try sink.close()
            progress.finish()
            let rate = Int(Double(events) / progress.elapsedSeconds)
            printInfo(
                "\(events) events, \(scored) scored, \(anonymous) anonymous, \(partition.table.count) customers, \(rate) events/s"
            )
        }
    }
}

/// Writes payloads to a file, one a line, and feature rows to another.
private final class PayloadFile: RecordSink {
    private let payloads: OutputFile
    private let rows: FeatureFile?

    init(path: String, features: String?) throws {
        payloads = try OutputFile(path: path)
        rows = try features.map { try FeatureFile(path: $0) }
    }

    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        try payloads.writeLine(prediction.payload)
        try rows?.append(prediction.features)
    }

    /// A history's events are decoded by its reader, which refuses what is none.
    func reject(_ rejected: [RejectedMessage], live: Int) {}

    func close() throws {
        try payloads.close()
        try rows?.close()
    }
}
