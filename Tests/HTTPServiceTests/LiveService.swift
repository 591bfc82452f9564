import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import HTTPService

/// The service on ports of the system's choice, for as long as a test asks it.
enum LiveService {
    /// - Parameter body: is told the API's port and the dashboard's; runs beside the service.
    static func with<Result: Sendable>(
        _ settings: HTTPSettings = HTTPSettings(), worker: TestWorker? = nil,
        _ body: @Sendable @escaping (_ port: Int, _ dashboard: Int) async throws -> Result
    ) async throws -> Result {
        var settings = settings
        settings.port = 0
        settings.dashboardPort = 0
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, started) = AsyncStream.makeStream(of: (Int, Bool).self)
        let service = HTTPService(
            settings: settings, worker: try worker ?? Shared.worker.get(), context: try Shared.context.get(),
            metrics: { "up 1\n" }, logger: logger, onStart: { port, isDashboard in started.yield((port, isDashboard)) })
        let group = ServiceGroup(services: [service], logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var (api, dashboard) = (0, 0)
            for await (port, isDashboard) in ports {
                if isDashboard { dashboard = port } else { api = port }
                if api > 0, dashboard > 0 { break }
            }
            let result = try await body(api, dashboard)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        }
    }

    /// Work that waits for sockets, on a thread that may wait.
    static func blocking<Result: Sendable>(_ work: @Sendable @escaping () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
        }
    }
}
