import ArgumentParser
import Console
import Worker

/// The options of benchmarks that run a whole worker with a broker.
struct WorkerOptions: ParsableArguments {
    @Option(
        help: "Command that starts a broker; {port} and {data} stand for its port and its data directory.")
    var broker: String

    @Option(help: "Directory of model artifacts; the configuration's unless given.")
    var models: String?

    @Option(help: "Repetitions.")
    var repetitions = 3

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func settings() throws -> WorkerSettings {
        var settings = try WorkerSettings(configuration.reader(for: .worker))
        settings.models = models ?? settings.models
        return settings
    }
}

/// The options of benchmarks of throughput that choose the messages.
struct MessageOptions: ParsableArguments {
    @Option(help: "History whose messages are scored. Without one a shop is made up.")
    var history: String?

    @Option(name: .customLong("messages"), help: "Messages of each measurement.")
    var limit = 300_000

    @Option(help: "How often each event of the history stands there, each time of a customer of its own.")
    var copies = 1

    @Option(help: "Partitions of the topics.")
    var partitions = 4

    func messages() throws -> Messages { try Messages(history: history, limit: limit, copies: copies) }
}
