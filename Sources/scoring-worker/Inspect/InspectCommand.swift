import ArgumentParser
import Console
import Events
import Inspection
import SchemaRegistry
import Worker

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows how a topic's messages, or a file's rows, are understood, and proposes a configuration.",
        discussion: """
            Reads the input topic without joining a group and writes nothing to Kafka. The configuration may be incomplete: what \
            it says and works is kept, the rest is found by names and by trying. Exit codes: 0 something is understood, 1 nothing \
            is, 2 bad configuration.
            """)

    @Option(help: "Messages to look at: half from the beginning, half from the end. Of a file, the first rows.")
    var messages = 1000

    @Option(help: "A history file in place of the topic: CSV or JSON, plain or compressed. All of it is read.")
    var file: String?

    @Option(
        help:
            "Writes the proposed configuration there, to be given as a further --config to worker, replay and trainer.")
    var write: String?

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard (1...1_000_000).contains(messages) else {
            throw ValidationError("--messages must be 1 to 1000000, found \(messages)")
        }
    }

    func run() throws {
        try reportingFailures {
            let reader = try configuration.reader(for: .worker)
            let schemaFile = reader.string("events.schema_file", default: "")
            let settings = try WorkerSettings(reader)
            let inspection = try file.map { try inspect(file: $0, settings) } ?? inspectTopic(settings)
            let sections =
                registrySection(settings)
                + inspection.proposal.format.configurationSections(
                    schemaFile: inspection.isTopic ? schemaFile : "")
            var text = inspection.report.text
            if let write {
                let file = try OutputFile(path: write)
                try file.write(Array(("# Proposed by: scoring-worker inspect\n" + sections).utf8))
                try file.close()
                text += "\nThe proposed configuration is in \(write): give it as a further --config.\n"
            } else {
                text += "\nProposed configuration (--write FILE writes it)\n\n\(sections)"
            }
            try output(text)
            if inspection.understood == 0 { throw ExitCode.failure }
        }
    }

    private struct Inspection {
        let report: InspectionReport
        let proposal: FormatProposal
        let understood: Int
        let isTopic: Bool
    }

    private func registrySection(_ settings: WorkerSettings) -> String {
        guard settings.events.catalogue != nil || !settings.registry.urls.isEmpty else { return "" }
        return "schema_registry:\n  url: [\(settings.registry.urls.map { "\"\($0)\"" }.joined(separator: ", "))]\n"
    }

    // MARK: Topic

    private func inspectTopic(_ settings: WorkerSettings) throws -> Inspection {
        let sample = try TopicSample(
            topic: settings.inputTopic, properties: settings.kafkaProperties.client, limit: messages)
        guard !sample.messages.isEmpty else {
            throw InspectionError(
                "topic \(settings.inputTopic) has given no committed message in time: is the broker reachable?")
        }
        let proposal = FormatProposal(for: sample.messages, configured: settings.events) { codec in
            settings.registry.urls.isEmpty
                ? nil : SchemaCatalogue(of: RegistryClient(settings.registry), codec: codec)
        }
        func understanding(_ format: EventFormat) -> Understanding {
            var understanding = Understanding(format, partitions: sample.partitions)
            for message in sample.messages { understanding.add(message) }
            return understanding
        }
        let proposed = understanding(proposal.format)
        let source =
            "Topic \(settings.inputTopic): \(sample.partitions) partitions, \(sample.total) offsets; looked at "
            + "\(sample.messages.count) messages, the oldest and the newest of each partition"
        return Inspection(
            report: InspectionReport(
                source: source, configured: understanding(settings.events), proposed: proposed, proposal: proposal,
                isTopic: true),
            proposal: proposal, understood: proposed.understood, isTopic: true)
    }

    // MARK: File

    private func inspect(file path: String, _ settings: WorkerSettings) throws -> Inspection {
        let reader = try HistoryReader(path: path, format: settings.events, givesAllColumns: true)
        var rows: [InspectedMessage] = []
        while rows.count < messages, let row = try reader.nextMessage() {
            rows.append(InspectedMessage(value: [UInt8](row)))
        }
        let proposal = FormatProposal(for: rows, configured: settings.events.asJSON, isTable: reader.format == .csv)
        let progress = Progress()
        let proposed = understanding(path, proposal.format, progress)
        let configured = understanding(path, settings.events, progress)
        progress.finish()
        return Inspection(
            report: InspectionReport(
                source:
                    "File \(path): \(reader.format == .csv ? "CSV" : "JSON"); proposed by the first \(rows.count) rows, tried on all",
                configured: configured, proposed: proposed, proposal: proposal, isTopic: false),
            proposal: proposal, understood: proposed.understood, isTopic: false)
    }

    /// What a format makes of all of a file.
    private func understanding(_ path: String, _ format: EventFormat, _ progress: Progress) -> Understanding {
        var understanding = Understanding(format)
        do {
            let reader = try HistoryReader(path: path, format: format)
            var failedLine: Int?
            while true {
                do throws(HistoryError) {
                    guard let event = try reader.next() else { break }
                    understanding.add(event)
                } catch {
                    // What cannot be read on fails at the same place again.
                    guard let line = error.line, line != failedLine else { throw error }
                    failedLine = line
                    understanding.fail(error.reason)
                }
                if understanding.messages % 8192 == 0 {
                    progress.show("reading \(path)", detail: "\(understanding.messages) rows", share: reader.share)
                }
            }
        } catch {
            understanding.fail("\(error)")
        }
        return understanding
    }
}
