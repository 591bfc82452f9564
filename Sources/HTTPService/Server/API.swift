import Ensemble
import Events
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Worker

/// One path and method with its handler.
struct Route: Sendable {
    typealias Answer = @Sendable (Request, BasicRequestContext) async throws -> Response

    let method: HTTPRequest.Method
    /// `/v1/customers/{id}`, as the OpenAPI document writes it.
    let path: String
    /// Whether it answers without a token, and beyond the limit of concurrent requests.
    let isOpen: Bool
    let answer: Answer

    init(_ method: HTTPRequest.Method, _ path: String, isOpen: Bool = false, answer: @escaping Answer) {
        self.method = method
        self.path = path
        self.isOpen = isOpen
        self.answer = answer
    }

    /// Whether a request's path matches.
    func matches(_ path: String) -> Bool {
        let (form, parts) = (self.path.split(separator: "/"), path.split(separator: "/"))
        return form.count == parts.count && zip(form, parts).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
    }
}

/// The routes of the HTTP service, and what they need to answer.
struct API: Sendable {
    let settings: HTTPSettings
    let worker: any LiveWorker
    let metrics: @Sendable () -> String
    let logger: Logger
    private let load = Gate.Load()
    private let views: ModelViews

    init(
        settings: HTTPSettings, worker: any LiveWorker, context: ScoringContext,
        metrics: @escaping @Sendable () -> String, logger: Logger
    ) {
        self.settings = settings
        self.worker = worker
        self.metrics = metrics
        self.logger = logger
        views = ModelViews(context, settings: settings, of: worker)
    }

    /// What depends on the model that is served at the moment.
    var view: ModelView { views.current(of: worker) }

    /// What depends on the model that serves a customer at the moment.
    func view(ofCustomer customerID: String) -> ModelView {
        views.current(of: worker, servingHash: contentHash(of: customerID))
    }

    /// The routes of the API, the same on both ports.
    var routes: [Route] {
        [
            Route(.get, "/health/live", isOpen: true) { _, _ in json(HealthAnswer.live) },
            Route(.get, "/health/ready", isOpen: true) { _, _ in ready() },
            Route(.get, "/metrics") { _, _ in text(metrics(), "text/plain; version=0.0.4; charset=utf-8") },
            Route(.get, "/v1/status") { _, _ in
                json(ByteBuffer(bytes: StatusAnswer.json(worker.status, artifact: worker.artifact)))
            },
            Route(.get, "/v1/features") { _, _ in json(view.features) },
            Route(.post, "/v1/score") { request, _ in
                let explains = try Self.explains(request)
                let body = try await body(of: request)
                return try view.pool.with { workspace throws(Problem) in
                    try body.withBytes { bytes throws(Problem) in
                        try workspace.score(events: bytes, maxEvents: settings.maxEvents, explains: explains)
                    }
                    return json(ByteBuffer(bytes: workspace.writer.bytes))
                }
            },
            Route(.post, "/v1/score/features") { request, _ in
                let explains = try Self.explains(request)
                let body = try await body(of: request)
                return try view.pool.with { workspace throws(Problem) in
                    try body.withBytes { bytes throws(Problem) in
                        try workspace.score(features: bytes, explains: explains)
                    }
                    return json(ByteBuffer(bytes: workspace.writer.bytes))
                }
            },
            Route(.get, "/v1/customers") { request, _ in try await ranking(request) },
            Route(.get, "/v1/customers/{id}") { request, context in try await customer(request, context) },
            Route(.get, "/openapi.json") { _, _ in json(view.document) },
            Route(.get, "/docs") { _, _ in html(view.docs) },
        ] + modelRoutes
    }

    /// Makes the router of one port.
    ///
    /// - Parameter isDashboard: Whether the dashboard is at the root.
    func responder(isDashboard: Bool) -> RouterResponder<BasicRequestContext> {
        var routes = routes
        if isDashboard {
            let page = ByteBuffer(bytes: DashboardPage.html)
            // The page needs no token: it contains no data, and sends the user's token when it fetches them.
            routes.append(Route(.get, "/", isOpen: true) { _, _ in html(page) })
        }
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: Gate(settings: settings, routes: routes, load: load, logger: logger))
        for route in routes { router.on(RouterPath(route.path), method: route.method, use: route.answer) }
        return router.buildResponder()
    }

    /// Whether the answer is to explain the scores, which takes longer than scoring.
    private static func explains(_ request: Request) throws(Problem) -> Bool {
        guard request.uri.query != nil else { return true }
        switch try Query(request, takes: ["explain"]).text("explain") {
        case nil, "true": return true
        case "false": return false
        default: throw .badParameter("explain", "must be true or false")
        }
    }

    private func ready() -> Response {
        let answer = HealthAnswer.ready(worker.status, artifact: worker.artifact)
        return json(ByteBuffer(bytes: answer.json), status: answer.isReady ? .ok : .serviceUnavailable)
    }
}

// Answers by their content.
extension API {
    private static let jsonHeaders: HTTPFields = [
        .contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
    ]
    /// Pages may run their own scripts and connect to this server, nothing else.
    private static let pageHeaders: HTTPFields = [
        .contentType: "text/html; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy:
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        .init("Referrer-Policy")!: "no-referrer",
    ]

    func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: Self.jsonHeaders, body: ResponseBody(byteBuffer: body))
    }

    private func html(_ page: ByteBuffer) -> Response {
        Response(status: .ok, headers: Self.pageHeaders, body: ResponseBody(byteBuffer: page))
    }

    private func text(_ text: String, _ type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

// Bodies of requests.
extension API {
    /// A JSON body, all of it.
    /// - Throws: `Problem` for another type, and for one that is too large, which is then not read to its end.
    private func body(of request: Request) async throws -> ByteBuffer {
        try Self.checkType(request.headers)
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > settings.maxBodyBytes {
            throw tooLarge
        }
        do {
            return try await request.body.collect(upTo: settings.maxBodyBytes)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    private var tooLarge: Problem {
        Problem(.bodyTooLarge, "at most \(settings.maxBodyBytes) bytes are taken")
            .with("limit") { $0.integer(settings.maxBodyBytes) }.with(.connection, "close")
    }

    private static func checkType(_ headers: HTTPFields) throws(Problem) {
        if let coding = headers[.contentEncoding], coding.lowercased() != "identity" {
            throw Problem(.unsupportedMediaType, "the body is coded as \(coding.prefix(40)); send it as it is")
                .with(.acceptEncoding, "identity")
        }
        let type = headers[.contentType] ?? ""
        if type == "application/json" { return }
        let parts = type.lowercased().split(separator: ";").map { $0.filter { !" \t\"".contains($0) } }
        guard parts.first == "application/json", parts.dropFirst().allSatisfy({ $0 == "charset=utf-8" }) else {
            throw Problem(
                .unsupportedMediaType,
                "the Content-Type is \(type.isEmpty ? "missing" : String(type.prefix(80))); send application/json")
        }
    }
}

extension ByteBuffer {
    /// The readable bytes, where they lie.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let result = withUnsafeReadableBytes { bytes in
            Swift.Result { () throws(Failure) -> Result in try body(bytes) }
        }
        return try result.get()
    }
}
