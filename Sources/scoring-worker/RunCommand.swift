import ArgumentParser
import Console
import CoreMetrics
import Foundation
import HTTPService
import Logging
import Monitoring
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
            // Exceeding the file size limit must fail the write, not end the worker.
            signal(SIGXFSZ, SIG_IGN)
            // Whoever read the log may be gone; that loses lines and not the worker.
            signal(SIGPIPE, SIG_IGN)
            let reader = try configuration.reader(for: .worker)
            LogSettings(reader.section("logs")).bootstrap()
            var logger = Logger(label: "scoring-worker")
            logger.logLevel = logLevel
            let http = HTTPSettings(reader.section("http"))
            let settings = try WorkerSettings(reader)
            let artifact = try ModelLoader(settings: settings).artifact()
            try artifact.prove()
            let registry = PrometheusRegistry(
                namespace: WorkerMetrics.namespace, descriptions: WorkerMetrics.descriptions)
            // Without the server nobody reads the metrics.
            let worker = try Worker(
                settings: settings, artifact: artifact,
                metrics: http.isEnabled ? registry : NOOPMetricsHandler.instance, logger: logger)
            let hangups = Self.onHangup { worker.requestReload() }
            defer { hangups.cancel() }
            var services: [any Service] = [worker]

            if http.isEnabled {
                let context = ScoringContext(
                    artifact: artifact, thresholds: settings.thresholds, format: settings.events,
                    timeToLiveDays: settings.timeToLiveDays)
                services.append(
                    HTTPService(
                        settings: http, worker: worker, context: context, metrics: WorkerMetrics(worker).text(registry),
                        logger: logger))
            }

            try await ServiceGroup(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        }
    }

    /// SIGHUP asks a service to look at its files again.
    private static func onHangup(_ body: @escaping @Sendable () -> Void) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler(handler: body)
        source.resume()
        return source
    }
}
