import Events
import Foundation
import TestSupport
import Testing

@testable import HTTPService

/// What comes over a socket when the other side means no good, or is broken.
/// What would go on for ever ends at the time limit.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct HostileTests {
    let settings: HTTPSettings

    init() {
        var settings = HTTPSettings()
        settings.timeoutMilliseconds = 700
        self.settings = settings
    }

    static func post(_ path: String, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
        Array(
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(length ?? body.count)\r\n\r\n"
                .utf8) + body
    }

    /// One connection, one try; afterwards the service must answer others as ever.
    func answer(to bytes: [UInt8]) async throws -> String {
        try await LiveService.with(settings) { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                client.send(bytes)
                let answer = client.read(until: "\"instance\":")
                let next = try RawClient(port: port)
                next.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(next.read(until: "live").hasPrefix("HTTP/1.1 200 OK"))
                return answer
            }
        }
    }

    @Test(arguments: [
        "\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET /  HTTP/9.9\r\n\r\n", "FOO BAR BAZ\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "GET /v1/st\u{0}atus HTTP/1.1\r\nHost: localhost\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "GET /health/live HTTP/1.1\r\nHost: local\u{0}host\r\n\r\n",
        "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ])
    func whatIsNotHTTPIsRefusedAndTheConnectionClosed(request: String) async throws {
        let answer = try await answer(to: Array(request.utf8))
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request"), "\(answer)")
        #expect(answer.contains("application/problem+json"))
        #expect(answer.lowercased().contains("connection: close"))
    }

    @Test func headsThatAreTooLargeAreRefused() async throws {
        let long = String(repeating: "x", count: 40_000)
        for head in [
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: \(long)\r\n\r\n",
            "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
                + (0..<200).map { "X-\($0): 1\r\n" }.joined() + "\r\n",
        ] {
            let answer = try await answer(to: Array(head.utf8))
            #expect(answer.hasPrefix("HTTP/1.1 431 "), "\(answer.prefix(200))")
        }
        let path = try await answer(to: Array("GET /\(long)\(long)\(long) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        #expect(path.hasPrefix("HTTP/1.1 4"), "\(path.prefix(200))")
    }

    @Test func aBodyThatIsTooLargeIsNotReadToItsEnd() async throws {
        let announced = try await answer(to: Self.post("/v1/score", Array("{".utf8), length: 50 << 20))
        #expect(announced.hasPrefix("HTTP/1.1 413 "))
        let chunk = "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n"
        let chunked = try await answer(
            to: Array(
                ("POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + String(repeating: chunk, count: 40)).utf8))
        #expect(chunked.hasPrefix("HTTP/1.1 413 "), "\(chunked.prefix(100))")
    }

    @Test func aBodyThatTricklesInIsGivenUp() async throws {
        try await LiveService.with(settings) { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                client.send(Self.post("/v1/score", Array("{\"events\"".utf8), length: 1000))
                while client.send(" ") { usleep(50_000) }
                #expect(client.read().hasPrefix("HTTP/1.1 408 Request Timeout"))
            }
        }
    }

    @Test func aHeadThatTricklesInIsGivenUp() async throws {
        try await LiveService.with(settings) { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                client.send("GET /health/live HTTP/1.1\r\nHost: loc")
                while client.send("a") { usleep(50_000) }
                #expect(client.isClosed())
            }
        }
    }

    @Test func aClientThatDoesNotReadIsGivenUp() async throws {
        try await LiveService.with(settings) { port, _ in
            try await LiveService.blocking {
                let client = try RawClient(port: port)
                let question = "GET /v1/model HTTP/1.1\r\nHost: localhost\r\n\r\n"
                while client.send(String(repeating: question, count: 100)) {}
                #expect(client.isClosed())
            }
        }
    }

    @Test func bodiesOfBadBytesAreRefused() async throws {
        let start = Array("{\"events\":[{\"customer_id\":\"".utf8)
        let end = Array("\"}]}".utf8)
        var bodies: [[UInt8]] = [[0xFF, 0xFE], [0xED, 0xA0, 0x80], [0]].map { start + $0 + end }
        bodies.append([UInt8](repeating: 0, count: 1000))
        bodies.append(Array("{\"events\":[".utf8) + SampleEvent().json)
        bodies.append([0xEF, 0xBB, 0xBF] + Array("{}".utf8))
        bodies.append(Array(String(repeating: "[", count: 10_000).utf8))
        bodies.append(Array(String(repeating: "{\"events\":[", count: 5000).utf8))
        for body in bodies {
            let answer = try await answer(to: Self.post("/v1/score", body))
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer.prefix(300))")
        }
    }

    /// Bodies that random bytes were written into: whatever becomes of them, nobody else notices.
    @Test func damagedBodiesNeverStopTheService() async throws {
        try await LiveService.with { port, _ in
            try await LiveService.blocking {
                var random = SplitMix64(seed: 12)
                let body = Array(
                    Rig.body([SampleEvent().json, SampleEvent(quantity: -1).json], asOf: "2011-01-01").utf8)
                let client = try RawClient(port: port)
                for round in 0..<3000 {
                    var damaged = body
                    for _ in 0...(random.next() % 4) {
                        damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: random.next())
                    }
                    if random.next() % 8 == 0 { damaged.removeLast(Int(random.next() % UInt64(damaged.count))) }
                    client.send(Self.post("/v1/score?explain=false", damaged))
                    let answer = client.read(until: "}")
                    let isExpected = ["200", "400", "422"].contains { answer.hasPrefix("HTTP/1.1 \($0) ") }
                    #expect(isExpected, "round \(round): \(answer.prefix(200))")
                    guard isExpected else { return }
                    // The rest of a larger answer.
                    client.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    _ = client.read(until: "\"live\"}")
                }
            }
        }
    }
}
