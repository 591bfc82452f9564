import ArgumentParser
import Console
import Foundation
import Logging
import ServiceLifecycle
import Worker

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Consumes the input topic, scores every event and publishes predictions until it is stopped.")

    @OptionGroup var configuration: ConfigurationOptions

    @Option(
        help: "Least severe log lines to show: trace, debug, info, notice, warning or error.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else { throw ValidationError("no such level: \(text)") }
            return level
        })
    var logLevel = Logger.Level.info

    func run() async throws {
        try await reportingFailuresAsync {
            // A file that grows too large is an error of that write, not the end of the worker.
            signal(SIGXFSZ, SIG_IGN)
            LoggingSystem.bootstrap(StreamLogHandler.standardError)
            var logger = Logger(label: "scoring-worker")
            logger.logLevel = logLevel
            let settings = try WorkerSettings(configuration.reader(for: .worker))
            let artifact = try settings.artifact()
            let worker = try Worker(settings: settings, artifact: artifact, logger: logger)
            try await ServiceGroup(
                services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        }
    }
}
