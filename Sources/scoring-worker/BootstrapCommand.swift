import ArgumentParser
import Console
import Events
import Topics
import Worker

struct BootstrapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract: "Makes a group's first checkpoints from a history, for a topic whose beginning is gone.",
        discussion: """
            Run it before the group's first worker. Events that the topic still has are left out of the history, so the two may \
            overlap. The worker then begins where the topic begins, with the state that the whole of it would have made.
            """)

    /// Where a partition's log is to be read from.
    struct Start: ExpressibleByArgument {
        let partition: Int32
        let offset: Int64

        init?(argument: String) {
            let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let partition = Int32(parts[0]), let offset = Int64(parts[1]), partition >= 0,
                offset >= 0
            else { return nil }
            self.partition = partition
            self.offset = offset
        }
    }

    @Option(
        help: ArgumentHelp(
            "File of events: CSV or NDJSON, plain, gzip or Zstandard, the oldest first. Repeated, or with a pattern such as "
                + "'2011-*.csv.gz': files that are read one after the other.",
            valueName: "file"))
    var history: [String] = []

    @Option(help: "In place of files, another topic of the cluster: read from its beginning to its end of now.")
    var historyTopic: String?

    @Option(
        help: ArgumentHelp(
            "Where a partition's log is to be read from, as PARTITION:OFFSET; repeated. Where it begins unless given.",
            valueName: "start"))
    var fromOffset: [Start] = []

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard history.isEmpty != (historyTopic == nil) else {
            throw ValidationError("give either --history FILE or --history-topic TOPIC")
        }
        guard Set(fromOffset.map(\.partition)).count == fromOffset.count else {
            throw ValidationError("--from-offset: a partition is named twice")
        }
        guard !history.contains("-") else {
            throw ValidationError("--history must be files: they are read more than once")
        }
    }

    func run() async throws {
        try await reportingFailuresAsync {
            let settings = try WorkerSettings(configuration.reader(for: .worker))
            let artifact = try ModelLoader(settings: settings).artifact()
            let progress = Progress()
            let opened = try open(settings, progress)
            let reports = try withExtendedLifetime(opened) {
                try Bootstrap(settings: settings, artifact: artifact).run(
                    opened.history, from: Dictionary(uniqueKeysWithValues: fromOffset.map { ($0.partition, $0.offset) })
                ) { step, share in
                    progress.show(step, detail: "", share: share)
                }
            }
            progress.finish()
            if opened.skipped > 0 { printInfo("\(opened.skipped) messages of the topic are no events") }
            try output(Self.text(reports, topic: settings.inputTopic))
        }
    }

    private func open(_ settings: WorkerSettings, _ progress: Progress) throws -> OpenedHistory {
        guard let historyTopic else {
            return OpenedHistory(
                history: try History(patterns: history, format: settings.events), skipped: 0, files: [])
        }
        guard historyTopic != settings.inputTopic else {
            throw ValidationError("--history-topic \(historyTopic) is the input topic itself")
        }
        return try TopicHistory(topic: historyTopic, properties: settings.kafkaProperties.client).read(
            format: settings.events
        ) { read, all in
            progress.show("reading \(historyTopic)", detail: "", share: Double(read) / Double(all))
        }
    }

    /// A line for each partition, and what follows from them.
    private static func text(_ reports: [Bootstrap.Report], topic: String) -> String {
        func time(_ milliseconds: Int64?) -> String { milliseconds.map { EventTime.text($0) } ?? "-" }
        var text = ""
        for report in reports {
            text +=
                "\(topic)[\(report.partition)]: checkpoint of offset \(report.offset), \(report.customers) customers, "
                + "\(report.events) events up to \(time(report.lastTime)); the log goes on at \(time(report.logTime))"
                + (report.overlap > 0
                    ? ", and has \(report.overlap) events of the history too, which were left to it" : "")
                + "\n"
        }
        if reports.allSatisfy({ $0.overlap == 0 }) {
            text +=
                "History and log have no event in common: whether anything lies between them, only their times can tell.\n"
        }
        if !reports.allSatisfy(\.isGraded) {
            text +=
                "Predictions of the history are not graded: that needs a log that begins late enough to count the history's "
                + "messages before it, and messages of one event each.\n"
        }
        return text
    }
}
