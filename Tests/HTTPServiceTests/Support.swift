import Ensemble
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Scoring
import TestSupport
import Testing

@testable import HTTPService

/// The committed artifact and a worker on it, made once.
enum Shared {
    static let artifact = Result { try ModelArtifact(path: Checkout.models) }
    static let worker = Result { try TestWorker(artifact: artifact.get()) }
    static let context = Result { try ScoringContext(artifact: artifact.get()) }
}

/// The API without sockets.
struct Rig {
    let worker: TestWorker
    let api: API

    init(settings: HTTPSettings = HTTPSettings(), worker: TestWorker? = nil) throws {
        self.worker = try worker ?? Shared.worker.get()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        api = API(
            settings: settings, worker: self.worker, context: try Shared.context.get(),
            metrics: { "# TYPE up gauge\nup 1\n" }, logger: logger)
    }

    func ask(
        _ method: HTTPRequest.Method, _ uri: String, body: String? = nil, headers: HTTPFields = [:],
        isDashboard: Bool = false
    ) async throws -> Answer {
        var headers = headers
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        if headers[.contentType] == "" { headers[.contentType] = nil }
        let fields = headers
        return try await Application(responder: api.responder(isDashboard: isDashboard)).test(.router) { client in
            try await client.execute(
                uri: uri, method: method, headers: fields, body: body.map { ByteBuffer(string: $0) }
            ) { response in
                Answer(status: response.status, headers: response.headers, text: String(buffer: response.body))
            }
        }
    }

    func get(_ uri: String) async throws -> Answer { try await ask(.get, uri) }

    func post(_ uri: String, _ body: String) async throws -> Answer { try await ask(.post, uri, body: body) }

    /// A body of events.
    static func body(_ messages: some Sequence<[UInt8]>, asOf: String? = nil) -> String {
        let events = messages.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
        return "{\"events\":[\(events)]\(asOf.map { ",\"as_of\":\"\($0)\"" } ?? "")}"
    }
}

struct Answer {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let text: String

    var json: [String: Any] {
        get throws {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
        }
    }

    /// Checks that this is a problem as RFC 9457 has it.
    @discardableResult
    func expect(_ kind: Problem.Kind, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Any] {
        #expect(status == kind.status, "\(text)", sourceLocation: sourceLocation)
        #expect(headers[.contentType] == "application/problem+json", sourceLocation: sourceLocation)
        let json = try json
        #expect(json["type"] as? String == "urn:future-cart:problem:\(kind.rawValue)", sourceLocation: sourceLocation)
        #expect(json["title"] as? String == kind.title, sourceLocation: sourceLocation)
        #expect(json["status"] as? Int == kind.status.code, sourceLocation: sourceLocation)
        #expect((json["detail"] as? String)?.isEmpty == false, sourceLocation: sourceLocation)
        #expect((json["instance"] as? String)?.hasPrefix("/") == true, sourceLocation: sourceLocation)
        return json
    }
}

extension String {
    /// What a payload of the stream says of the score, as text.
    var prediction: String {
        guard let start = range(of: "\"purchase_probability\"") else { return "" }
        return String(self[start.lowerBound...].dropLast())
    }
}
