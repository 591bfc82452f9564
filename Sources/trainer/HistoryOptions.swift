import ArgumentParser
import Console
import Events
import Topics
import Training

/// The options that name the history: files, standard input, or a range of a topic.
struct HistoryOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "File of events: CSV or NDJSON, plain or gzip; - is standard input. Repeated, or with a pattern such as "
                + "'2011-*.csv.gz': files that are read one after the other.",
            valueName: "file"))
    var history: [String] = []

    @Option(help: "Topic to read the history from, up to its end as it is when the job starts.")
    var fromTopic: String?

    @Option(help: "Kafka's bootstrap servers, for --from-topic; other properties are set under kafka:.")
    var brokers: String?

    @Option(
        help: "Where the topic's history begins: an offset of each partition, or a time of its messages (ISO 8601).")
    var from: TopicRange.Bound?

    @Option(help: "What the topic's history ends before: an offset, or a time (ISO 8601).")
    var until: TopicRange.Bound?

    func validate() throws {
        guard history.isEmpty != (fromTopic == nil) else {
            throw ValidationError("give either --history FILE or --from-topic TOPIC")
        }
        guard fromTopic != nil || (from == nil && until == nil && brokers == nil) else {
            throw ValidationError("--from, --until and --brokers go with --from-topic")
        }
        guard !history.contains("-") || history.count == 1 else {
            throw ValidationError("--history -: standard input cannot be read beside other files")
        }
    }

    /// Both passes over the history.
    /// - Parameter countries: the category encoding of an artifact; `nil` fits it on the training period.
    func prepare(
        _ configuration: TrainerConfiguration, countries: [String]? = nil, progress: Progress
    ) throws -> TrainingRun.Prepared {
        let run = TrainingRun(settings: configuration.settings)
        let opened = try open(configuration, progress: progress)
        return try withExtendedLifetime(opened) {
            let survey = try run.survey(opened.history) { step, share in show(progress, step, share) }
            return try run.fitted(to: survey).prepare(opened.history, survey: survey, countries: countries) {
                step, share in
                show(progress, step, share)
            }
        }
    }

    /// The history as files that can be read twice, as long as the result is alive.
    func open(_ configuration: TrainerConfiguration, progress: Progress) throws -> OpenedHistory {
        let format = configuration.events
        if let fromTopic {
            var properties = configuration.kafka
            if let brokers { properties["bootstrap.servers"] = brokers }
            return try TopicHistory(topic: fromTopic, properties: properties, from: from, until: until).read(
                format: format
            ) { read, all in
                progress.show(
                    "reading \(fromTopic)", detail: "\(read) messages", share: Double(read) / Double(all))
            }
        }
        if history == ["-"] {
            let spool = try SpooledFile.standardInput()
            return OpenedHistory(history: History(path: spool.path, format: format), skipped: 0, files: [spool])
        }
        do {
            return OpenedHistory(history: try History(patterns: history, format: format), skipped: 0, files: [])
        } catch {
            printError("--history: \(error)")
            throw ExitCode(2)
        }
    }
}

extension TopicRange.Bound: ExpressibleByArgument {
    /// As `init(_:)` does.
    package init?(argument: String) { self.init(argument) }
}
