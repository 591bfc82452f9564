import ArgumentParser
import Console
import Foundation
import LocalCluster
import Worker

struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract:
            "Proves exactly once: kills workers at random and restarts the broker while they score a history, then compares "
            + "every prediction with a replay's.",
        discussion: """
            Starts a broker and several workers as processes of their own, on loopback and with their files in a temporary \
            directory. The exit code is 0 if there is exactly one prediction for each scorable event and each is, byte for \
            byte, what a replay makes of it; 1 if not, or if a worker ended by itself; 3 if the time was over before the workers \
            had committed everything.
            """)

    @Option(help: "History of events: CSV or NDJSON, plain or gzip. Without one a shop is made up.")
    var history: String?

    @Option(
        help: ArgumentHelp(
            "Command that starts a broker; {port} and {data} stand for its port and its data directory, which survives "
                + "a restart.", valueName: "command"))
    var broker: String

    @Option(help: "Worker processes.")
    var workers = 3

    @Option(help: "Partitions of each topic.")
    var partitions = 6

    @Option(help: "How many workers to kill.")
    var kills = 50

    @Option(help: "How many times to stop and restart the broker.")
    var brokerRestarts = 1

    @Flag(
        help: ArgumentHelp(
            "Kill all workers with the broker. For development servers that forget their groups when they stop and do not "
                + "refuse the offsets of former members: living workers and new ones would commit side by side there."))
    var outage = false

    @Option(help: "Decides who is killed and when, as far as the machine lets it.")
    var seed: UInt64 = 1

    @Option(help: "Where the workers keep checkpoints: directory (a shared one), topic or none.")
    var store = "directory"

    @Option(help: "exactly_once, or at_least_once to see what that repeats.")
    var guarantee = "exactly_once"

    @Option(help: "Stop after so many events.")
    var events: Int?

    @Option(
        help: ArgumentHelp(
            "Directory of model artifacts, or an artifact; the configuration's unless given. Repeated: the workers serve one "
                + "after the other, and change at every other kill without a restart.", valueName: "directory"))
    var models: [String] = []

    @Option(
        name: .customLong("worker-set"),
        help: "A further setting of the workers, as for run --set; {worker} stands for a worker's number.")
    var workerSettings: [String] = []

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard (1...16).contains(workers) else { throw ValidationError("--workers must be 1 to 16") }
        guard (1...64).contains(partitions) else { throw ValidationError("--partitions must be 1 to 64") }
        guard kills >= 0, brokerRestarts >= 0 else {
            throw ValidationError("--kills and --broker-restarts must not be negative")
        }
        guard WorkerSettings.CheckpointKind(rawValue: store) != nil else {
            throw ValidationError("--store must be directory, topic or none")
        }
        guard WorkerSettings.Guarantee(rawValue: guarantee) != nil else {
            throw ValidationError("--guarantee must be exactly_once or at_least_once")
        }
        guard broker.contains("{port}"), broker.contains("{data}") else {
            throw ValidationError("--broker must contain {port} and {data}")
        }
    }

    func run() async throws {
        try await reportingFailuresAsync {
            let settings = try WorkerSettings(configuration.reader(for: .worker))
            printInfo("seed \(seed)")
            ChildProcess.endWithThisProcess()
            let verdict = try ChaosRun(command: self, settings: settings).run()
            try output(verdict.description + "\n")
            if !verdict.isClean { throw verdict.unfinished == nil ? ExitCode.failure : ExitCode(3) }
        }
    }
}
