import Foundation
import HTTPTypes
import TestSupport
import Testing

@testable import HTTPService

/// Who may ask what, and how.
@Suite struct GateTests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test(arguments: [
        "/nothing", "/v1", "/v1/score/x", "/v1/customers/a/b", "/", "//", "/../etc/passwd", "/v1/%73tatus",
    ])
    func thereIsNothingAtOtherPaths(path: String) async throws { try await rig.get(path).expect(.notFound) }

    @Test func otherMethodsAreRefusedWithThoseThatAreTaken() async throws {
        for (method, path, allowed) in [
            ("GET", "/v1/score", "POST"), ("DELETE", "/v1/customers/7", "GET, HEAD"), ("POST", "/metrics", "GET, HEAD"),
            ("OPTIONS", "/v1/status", "GET, HEAD"), ("PUT", "/v1/score/features", "POST"),
            ("X-ODD", "/health/live", "GET, HEAD"),
        ] {
            let answer = try await rig.ask(HTTPRequest.Method(method)!, path)
            try answer.expect(.methodNotAllowed)
            #expect(answer.headers[.allow] == allowed)
        }
    }

    @Test func headIsGetWithoutTheBody() async throws {
        for path in ["/health/live", "/metrics", "/v1/model", "/docs"] {
            let (get, head) = (try await rig.get(path), try await rig.ask(.head, path))
            #expect(head.status == .ok && head.text.isEmpty)
            #expect(head.headers[.contentLength] == get.headers[.contentLength])
            #expect(head.headers[.contentType] == get.headers[.contentType])
        }
        let nothing = try await rig.ask(.head, "/nothing")
        #expect(nothing.status == .notFound && nothing.text.isEmpty)
    }

    @Test func onlyJSONIsTaken() async throws {
        let body = Rig.body([SampleEvent().json])
        for type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json", ""]
        {
            try await rig.ask(.post, "/v1/score", body: body, headers: [.contentType: type]).expect(
                .unsupportedMediaType)
        }
        for type in ["application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
            #expect(try await rig.ask(.post, "/v1/score", body: body, headers: [.contentType: type]).status == .ok)
        }
        try await rig.ask(
            .post, "/v1/score", body: body, headers: [.contentType: "application/json", .contentEncoding: "gzip"]
        ).expect(.unsupportedMediaType)
    }

    @Test func aBodyMayHaveSoManyBytesAndNoMore() async throws {
        var settings = HTTPSettings()
        settings.maxBodyBytes = 2000
        let rig = try Rig(settings: settings)
        let body = Rig.body([SampleEvent().json])
        #expect(
            try await rig.post("/v1/score", body + String(repeating: " ", count: 2000 - body.utf8.count)).status == .ok)
        let answer = try await rig.post("/v1/score", body + String(repeating: " ", count: 2001 - body.utf8.count))
        #expect(try answer.expect(.bodyTooLarge)["limit"] as? Int == 2000)
        #expect(answer.headers[.connection] == "close")
    }

    @Test func withATokenEveryRequestMustBearIt() async throws {
        var settings = HTTPSettings()
        settings.token = "open-sesame-7"
        let rig = try Rig(settings: settings)
        for route in rig.api.routes {
            let answer = try await rig.ask(route.method, route.path.replacing("{id}", with: "7"), isDashboard: true)
            if route.path.hasPrefix("/health/") {
                #expect(answer.status == .ok)
            } else {
                try answer.expect(.unauthorized)
                #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
            }
        }
        try await rig.get("/nothing").expect(.unauthorized)
        for credentials in [
            "Bearer open-sesame-8", "Bearer open-sesame-", "Bearer open-sesame-77", "Basic open-sesame-7", "Bearer", "",
        ] {
            try await rig.ask(.get, "/v1/model", headers: [.authorization: credentials]).expect(.unauthorized)
        }
        for credentials in ["Bearer open-sesame-7", "bearer open-sesame-7"] {
            #expect(try await rig.ask(.get, "/v1/model", headers: [.authorization: credentials]).status == .ok)
        }
        // The page holds no data, and a browser that opens it has no token yet.
        #expect(try await rig.ask(.get, "/", isDashboard: true).status == .ok)
    }

    @Test(arguments: [
        ("localhost", true), ("127.0.0.1", true), ("127.1.2.3", true), ("::1", true), ("[::1]", true),
        ("0.0.0.0", false), ("127.0.0.1.evil.example", false), ("127.0.0.256", false), ("10.0.0.1", false),
        ("127.a", false),
    ])
    func onlyThisMachinesOwnNamesAreItsOwn(host: String, isLoopback: Bool) {
        #expect(HTTPSettings.isLoopback(host) == isLoopback)
    }

    @Test func thePagesAreWholeAndMayDoLittle() async throws {
        for (path, isDashboard) in [("/", true), ("/docs", false)] {
            let page = try await rig.ask(.get, path, isDashboard: isDashboard)
            #expect(page.status == .ok)
            #expect(page.headers[.contentType] == "text/html; charset=utf-8")
            #expect(page.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
            #expect(
                !page.text.contains("src=\"http") && !page.text.contains("href=\"http")
                    && !page.text.contains("@import"))
            #expect(page.text.contains("color-scheme: light dark"))
        }
        try await rig.get("/").expect(.notFound)
    }

    @Test func healthSaysWhatIsMissing() async throws {
        #expect(try await rig.get("/health/live").text == "{\"status\":\"live\"}")
        let ready = try await rig.get("/health/ready")
        #expect(ready.status == .ok)
        #expect((try ready.json["missing"] as? [String]) == [])
        let worker = try TestWorker(artifact: Shared.artifact.get(), customers: 3, days: 20, isReady: false)
        let waiting = try await Rig(worker: worker).get("/health/ready")
        #expect(waiting.status == .serviceUnavailable)
        #expect(try waiting.json["restored_percent"] as? Double == 62.5)
        #expect((try waiting.json["missing"] as? [String]) == ["partition 1 of customer-events is rebuilding, 25 %"])
    }

    @Test func metricsAreTheWorkersText() async throws {
        let answer = try await rig.get("/metrics")
        #expect(answer.text == "# TYPE up gauge\nup 1\n")
        #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test func theDateIsHTTPs() { #expect(DateText.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT") }
}
