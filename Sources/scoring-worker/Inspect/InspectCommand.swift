import ArgumentParser
import Console
import Events
import Inspection
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
        if file == "-" { throw ValidationError("--file must be a file: it is read more than once") }
    }

    func run() throws {
        try reportingFailures {
            let reader = try configuration.reader(for: .worker)
            let schemaFile = reader.string("events.schema_file", default: "")
            let settings = try WorkerSettings(reader)
            let subject = InspectedSubject(settings: settings, messages: messages)
            let found = try file.map { try subject.inspect(file: $0) } ?? subject.inspectTopic()
            guard found.proposed.understood > 0 else {
                try output(
                    found.report + "\nNothing was found that reads one of them: set fields: and events: by hand.\n")
                throw ExitCode.failure
            }
            let sections =
                registrySection(settings)
                + found.proposal.format.configurationSections(
                    over: settings.events, schemaFile: file == nil ? schemaFile : "")
            guard let write else {
                return try output(found.report + "\nProposed configuration (--write FILE writes it)\n\n\(sections)")
            }
            let file = try OutputFile(path: write)
            try file.write(Array(("# Proposed by: scoring-worker inspect\n" + sections).utf8))
            try file.close()
            try output(
                found.report + "\nThe proposed configuration is in \(write): give it as a further --config.\n")
        }
    }

    private func registrySection(_ settings: WorkerSettings) -> String {
        guard !settings.registry.urls.isEmpty else { return "" }
        return "schema_registry:\n  url: [\(settings.registry.urls.map { "\"\($0)\"" }.joined(separator: ", "))]\n"
    }
}
