import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Worker

/// The HTTP API of a running worker, and the dashboard on a port of its own.
///
/// Stops gracefully: it accepts no new connections, and answers the requests that are being handled.
package final class HTTPService: Service {
    private let api: API
    private let settings: HTTPSettings
    private let logger: Logger
    private let onStart: @Sendable (_ port: Int, _ isDashboard: Bool) async -> Void

    /// Makes a service; `run` starts it.
    ///
    /// - Parameters:
    ///   - settings: Addresses, limits and the token.
    ///   - worker: Answers about customers and about itself.
    ///   - context: What scoring needs: the artifact and its settings.
    ///   - metrics: The text of `GET /metrics`, in Prometheus' format.
    ///   - logger: Logs failed requests and the addresses.
    package convenience init(
        settings: HTTPSettings, worker: any LiveWorker, context: ScoringContext,
        metrics: @escaping @Sendable () -> String, logger: Logger
    ) {
        self.init(
            settings: settings, worker: worker, context: context, metrics: metrics, logger: logger, onStart: { _, _ in }
        )
    }

    /// - Parameter onStart: Is called with each port once the service listens on it.
    init(
        settings: HTTPSettings, worker: any LiveWorker, context: ScoringContext,
        metrics: @escaping @Sendable () -> String, logger: Logger,
        onStart: @escaping @Sendable (_ port: Int, _ isDashboard: Bool) async -> Void
    ) {
        api = API(settings: settings, worker: worker, context: context, metrics: metrics, logger: logger)
        self.settings = settings
        self.logger = logger
        self.onStart = onStart
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `HTTPServiceError` if it cannot listen on a port.
    package func run() async throws {
        var ports = [(port: settings.port, isDashboard: false)]
        if let port = settings.dashboardPort { ports.append((port, true)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (port, isDashboard) in ports {
                group.addTask { try await self.serve(port, isDashboard: isDashboard) }
            }
            // Not waitForAll: if one server fails, the other must end too.
            for try await _ in group {}
        }
    }

    private func serve(_ port: Int, isDashboard: Bool) async throws {
        let responder = api.responder(isDashboard: isDashboard)
        var quiet = Logger(label: logger.label) { [handler = logger.handler] _ in WithoutCancellation(base: handler) }
        quiet.logLevel = max(logger.logLevel, .warning)
        let contextLogger = quiet
        // Hummingbird's own application would make a logger and an identifier for every request.
        let connections = Connections(settings: settings) { request, writer, channel in
            let context = BasicRequestContext(
                source: ApplicationRequestContextSource(channel: channel, logger: contextLogger))
            let response = try await responder.respond(to: request, context: context)
            try await writer.write(response: response.head, body: response.body)
        }
        let server = Server(
            childChannelSetup: connections,
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: port),
                availableConnectionsDelegate: MaximumAvailableConnections(
                    HTTPSettings.maxConnections, logger: contextLogger)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? port
                self.logger.info(
                    "\(isDashboard ? "dashboard" : "HTTP service") starts",
                    metadata: ["address": "http://\(self.settings.host):\(port)"])
                await self.onStart(port, isDashboard)
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: contextLogger)
        defer { connections.close() }
        do {
            try await server.run()
        } catch let error where !(error is CancellationError) {
            throw HTTPServiceError(
                host: settings.host, port: port, setting: isDashboard ? "http.dashboard_port" : "http.port",
                error: error)
        }
    }
}

/// Passes a server's lines on, but for those that only say that it was told to stop.
private struct WithoutCancellation: LogHandler {
    var base: any LogHandler

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        if event.error is CancellationError || "\(event.message)".contains("CancellationError()") { return }
        base.log(event: event)
    }
}

/// Why the service cannot listen on a port.
package struct HTTPServiceError: Error, Sendable, CustomStringConvertible {
    /// The reason, and what to do about it.
    package let description: String

    init(host: String, port: Int, setting: String, error: any Error) {
        description =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE:
                "port \(port) on \(host) is taken by another program: stop that, or set \(setting) to another port"
            case EACCES: "port \(port) on \(host) may not be opened by this user: set \(setting) to 1024 or above"
            case EADDRNOTAVAIL: "\(host) is no address of this machine: set http.host to one"
            default: "cannot listen on \(host), port \(port) (http.host, \(setting)): \(error)"
            }
    }
}
