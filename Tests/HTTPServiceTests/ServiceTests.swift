import Foundation
import Logging
import TestSupport
import Testing

@testable import HTTPService

/// The service on its ports.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct ServiceTests {
    static func get(_ path: String, host: String = "localhost") -> String {
        "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n"
    }

    @Test func bothPortsAnswerTheSameAndOneHasThePage() async throws {
        try await LiveService.with { port, dashboard in
            try await LiveService.blocking {
                for (port, path, status) in [
                    (port, "/v1/features", 200), (dashboard, "/v1/features", 200), (port, "/", 404),
                    (dashboard, "/", 200),
                    (dashboard, "/docs", 200),
                ] {
                    let client = try RawClient(port: port)
                    client.send(Self.get(path))
                    #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 \(status) "), "\(port) \(path)")
                }
            }
        }
    }

    @Test func oneConnectionTakesManyRequestsAlsoAtOnce() async throws {
        try await LiveService.with { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                let body = Array(Rig.body([SampleEvent().json]).utf8)
                let one = HostileTests.post("/v1/score?explain=false", body)
                client.send([[UInt8]](repeating: one, count: 20).flatMap { $0 } + Array(Self.get("/health/live").utf8))
                let answers = client.read(until: "{\"status\":\"live\"}")
                #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == 22)
                #expect(answers.components(separatedBy: "purchase_probability\"").count >= 21)
            }
        }
    }

    @Test func aClientMayWaitToBeAskedForItsBody() async throws {
        try await LiveService.with { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                let body = Array(Rig.body([SampleEvent().json]).utf8)
                client.send(
                    "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                        + "Content-Length: \(body.count)\r\n\r\n")
                #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100 Continue"))
                client.send(body)
                #expect(client.read(until: "purchase_probability").hasPrefix("HTTP/1.1 200 OK"))
            }
        }
    }

    @Test func beyondSoManyAtOnceOthersHaveToWait() async throws {
        var settings = HTTPSettings()
        settings.maxConcurrent = 2
        try await LiveService.with(settings) { port, _ in
            try await LiveService.blocking {
                // Two that are still sending theirs.
                let slow = try (0..<2).map { _ in try RawClient(port: port) }
                for client in slow { client.send(HostileTests.post("/v1/score", Array("{".utf8), length: 100)) }
                var answer = ""
                for _ in 0..<200 {
                    let client = try RawClient(port: port)
                    client.send(Self.get("/v1/model"))
                    answer = client.read(until: "\r\n\r\n")
                    if answer.hasPrefix("HTTP/1.1 503") { break }
                    usleep(10_000)
                }
                #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable"))
                #expect(answer.lowercased().contains("retry-after: 1"))
                let health = try RawClient(port: port)
                health.send(Self.get("/health/live"))
                #expect(health.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
                for client in slow { client.send(String(repeating: " ", count: 99)) }
                for client in slow { #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400")) }
                let next = try RawClient(port: port)
                next.send(Self.get("/v1/model"))
                #expect(next.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            }
        }
    }

    @Test func aPageFromElsewhereCannotAskByANameOfItsOwn() async throws {
        try await LiveService.with { port, _ in
            try await LiveService.blocking {
                for (host, status) in [
                    ("evil.example", 421), ("evil.example:8001", 421), ("localhost:8001", 200), ("127.0.0.1", 200),
                    ("[::1]:8001", 200), ("LOCALHOST", 200), ("127.0.0.1.evil.example", 421),
                ] {
                    let client = try RawClient(port: port)
                    client.send(Self.get("/v1/model", host: host))
                    #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 \(status) "), "\(host)")
                }
            }
        }
    }

    @Test func aPortThatIsTakenIsAClearError() async throws {
        try await LiveService.with { port, _ in
            var settings = HTTPSettings()
            settings.port = port
            settings.dashboardPort = nil
            let service = HTTPService(
                settings: settings, worker: try Shared.worker.get(), context: try Shared.context.get(), metrics: { "" },
                logger: Logger(label: "test"))
            let error = await #expect(throws: HTTPServiceError.self) { try await service.run() }
            #expect(error?.description.contains("port \(port) on 127.0.0.1 is taken") == true)
            #expect(error?.description.contains("http.port") == true)
        }
    }

    @Test func onePortThatIsTakenStopsTheOtherToo() async throws {
        try await LiveService.with { port, _ in
            var settings = HTTPSettings()
            settings.port = 0
            settings.dashboardPort = port
            let service = HTTPService(
                settings: settings, worker: try Shared.worker.get(), context: try Shared.context.get(), metrics: { "" },
                logger: Logger(label: "test"))
            let error = await #expect(throws: HTTPServiceError.self) { try await service.run() }
            #expect(error?.description.contains("http.dashboard_port") == true)
        }
    }

    @Test func theServiceEndsWhenItIsCancelledAndClosesConnectionsThatNobodyHasServedYet() async throws {
        var settings = HTTPSettings()
        (settings.port, settings.dashboardPort) = (0, 0)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        for _ in 0..<100 {
            let (ports, starts) = AsyncStream.makeStream(of: Int.self)
            let service = HTTPService(
                settings: settings, worker: try Shared.worker.get(), context: try Shared.context.get(),
                metrics: { "" }, logger: logger, onStart: { port, _ in starts.yield(port) })
            let running = Task { try await service.run() }
            var started = ports.makeAsyncIterator()
            let port = try #require(await started.next())
            _ = await started.next()
            let clients = try (0..<8).map { _ in try RawClient(port: port) }
            running.cancel()
            _ = await running.result
            for client in clients { #expect(client.isClosed()) }
        }
    }

    @Test func anAddressThatIsNoneIsAClearError() async throws {
        for host in ["203.0.113.7", "no such host"] {
            var settings = HTTPSettings()
            (settings.host, settings.port, settings.dashboardPort) = (host, 0, nil)
            let service = HTTPService(
                settings: settings, worker: try Shared.worker.get(), context: try Shared.context.get(), metrics: { "" },
                logger: Logger(label: "test"))
            let error = await #expect(throws: HTTPServiceError.self) { try await service.run() }
            #expect(error?.description.contains("http.host") == true)
        }
    }
}
