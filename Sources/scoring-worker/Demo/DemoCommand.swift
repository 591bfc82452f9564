import ArgumentParser
import Console
import Events
import Foundation
import HTTPService
import Kafka
import Logging
import Monitoring
import ServiceLifecycle
import Worker

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Streams a history through an in-process broker and the ordinary worker, and shows what comes out.")

    @Option(help: "History of events: CSV or NDJSON, plain or gzip. Without one a shop is made up.")
    var history: String?

    @Option(help: "Stop after so many events.")
    var events: Int?

    @Option(help: "Partitions of the topics.")
    var partitions = 4

    @Option(help: "Directory of model artifacts; the configuration's unless given.")
    var models: String?

    @Flag(help: "Serve the API and the dashboard, also when all events are through, until it is stopped.")
    var serve = false

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard (1...64).contains(partitions) else { throw ValidationError("--partitions must be 1 to 64") }
        if let events, events < 1 { throw ValidationError("--events must be at least 1") }
    }

    func run() async throws {
        try await reportingFailuresAsync {
            LoggingSystem.bootstrap(StreamLogHandler.standardError)
            var logger = Logger(label: "demo")
            logger.logLevel = .warning
            let reader = try configuration.reader(for: .worker)
            let http = HTTPSettings(reader.section("http"))
            var settings = try WorkerSettings(reader)
            settings.models = models ?? settings.models
            let artifact = try ModelLoader(settings: settings).artifact()
            let source: any EventSource =
                try history.map { try HistoryReader(path: $0, format: settings.events) }
                ?? ShopGenerator(customers: 3000, days: 365, seed: 1)
            let broker = try EmbeddedBroker()
            defer { broker.close() }
            settings.confine(to: broker.bootstrapServers)
            // The embedded broker does not isolate transactions, so exactly-once processing would show nothing here.
            settings.guarantee = .atLeastOnce
            settings.deadLetterTopic = nil
            settings.checkpoints = .none
            // The summary is about all predictions of the demo.
            settings.isGrading = true
            settings.gradingWindowDays = 3650
            settings.gradingLimit = max(settings.gradingLimit, 2_000_000)
            // The embedded broker answers an empty fetch only after this time, even if a message arrives before.
            settings.kafka["fetch.wait.max.ms"] = "10"
            for topic in [settings.inputTopic, settings.outputTopic] {
                _ = try broker.createTopic(topic, partitions: partitions)
            }
            let name = history.map { URL(fileURLWithPath: $0).lastPathComponent } ?? "a generated shop"
            printInfo(
                "\(name) → \(settings.inputTopic) → worker (\(artifact.manifest.version)) → \(settings.outputTopic)")
            printInfo("embedded broker on \(broker.bootstrapServers), \(partitions) partitions")

            let registry = PrometheusRegistry(
                namespace: WorkerMetrics.namespace, descriptions: WorkerMetrics.descriptions)
            let worker = try Worker(settings: settings, artifact: artifact, metrics: registry, logger: logger)
            let demo = Demo(worker: worker, source: source, limit: events)
            var services = [
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: worker, successTerminationBehavior: .gracefullyShutdownGroup),
                .init(
                    service: DemoSession(demo: demo, page: serve ? http.dashboardPort : nil, isServing: serve),
                    successTerminationBehavior: .gracefullyShutdownGroup),
            ]
            if serve {
                services.append(
                    .init(
                        service: HTTPService(
                            settings: http, worker: worker,
                            context: ScoringContext(
                                artifact: artifact, thresholds: settings.thresholds, format: settings.events,
                                timeToLiveDays: settings.timeToLiveDays),
                            metrics: WorkerMetrics(worker).text(registry), logger: logger)))
            }
            try await ServiceGroup(
                configuration: .init(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            ).run()
            // The worker has stopped, so everything is committed.
            if !serve { try output(demo.summaryText + "\n") }
        }
    }
}

/// Runs the demo. With the API up it stays until it is stopped.
private struct DemoSession: Service {
    let demo: Demo
    let page: Int?
    let isServing: Bool

    func run() async throws {
        try await demo.run()
        guard isServing else { return }
        try output(demo.summaryText + "\n")
        if let page { printInfo("dashboard at http://127.0.0.1:\(page); Ctrl-C ends the demo") }
        try await gracefulShutdown()
    }
}
