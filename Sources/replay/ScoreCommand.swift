import ArgumentParser
import Console
import Customers
import Events
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
            let reader = try HistoryReader(path: history, names: settings.fields)
            var scorer = try settings.scorer(settings.artifact(at: models))
            let payloads = try OutputFile(path: output)
            let rows = try features.map { try FeatureFile(path: $0) }
            var table = CustomerTable(timeToLiveDays: settings.timeToLiveDays)
            var (events, scored, anonymous) = (0, 0, 0)

            func score() throws {
                scored += scorer.pendingCount
                try scorer.score { prediction in
                    try payloads.writeLine(prediction.payload)
                    try rows?.append(prediction.features)
                }
                progress.show("scoring", detail: "\(events) events", share: reader.share)
            }
            while let event = try reader.next() {
                events += 1
                if event.isAnonymous {
                    anonymous += 1
                    continue
                }
                scorer.add(event, tag: events, to: &table)
                if scorer.pendingCount == batch { try score() }
            }
            guard events > 0 else { throw HistoryError(path: history, reason: "holds no events") }
            try score()
            try payloads.close()
            try rows?.close()
            progress.finish()
            let rate = Int(Double(events) / progress.elapsedSeconds)
            printInfo(
                "\(events) events, \(scored) scored, \(anonymous) anonymous, \(table.count) customers, \(rate) events/s"
            )
        }
    }
}
