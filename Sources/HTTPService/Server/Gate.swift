import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The middleware of every request: checks host and token, limits concurrent requests, and turns errors into problem
/// documents.
struct Gate: RouterMiddleware {
    private let settings: HTTPSettings
    private let routes: [Route]
    private let open: Set<String>
    private let token: [UInt8]?
    private let logger: Logger
    private let load: Load

    /// What the gates of both ports share: the number of requests being answered, and the cached date.
    final class Load: Sendable {
        fileprivate let answering = Atomic<Int>(0)
        fileprivate let date = DateText()
    }

    init(settings: HTTPSettings, routes: [Route], load: Load, logger: Logger) {
        self.load = load
        self.settings = settings
        self.routes = routes
        self.logger = logger
        open = Set(routes.filter(\.isOpen).map(\.path))
        token = settings.token.map { Array($0.utf8) }
    }

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await admit(request, context, next)
        } catch let problem as Problem {
            response = problem.response(path: request.uri.path)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            response = nothing(at: request).response(path: request.uri.path)
        } catch {
            logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            response = Problem(.internalError, "what happened is in the worker's log").response(path: request.uri.path)
        }
        response.headers[.date] = load.date.now
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func admit(
        _ request: Request, _ context: BasicRequestContext,
        _ next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        try checkHost(request)
        if open.contains(request.uri.path) { return try await next(request, context) }
        try checkToken(request)
        let others = load.answering.add(1, ordering: .relaxed).oldValue
        defer { load.answering.subtract(1, ordering: .relaxed) }
        guard others < settings.maxConcurrent else { throw Problem.busy(settings.maxConcurrent) }
        return try await next(request, context)
    }

    private func checkToken(_ request: Request) throws(Problem) {
        guard let token else { return }
        let words = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer", Self.isSame(Array(words[1].utf8), token) else {
            throw Problem(.unauthorized, "send the header Authorization: Bearer TOKEN, with the token of http.token")
                .with(.wwwAuthenticate, "Bearer realm=\"future-cart\"")
        }
    }

    /// Compares in a time that does not depend on which bytes differ. The token's length is not protected.
    static func isSame(_ given: [UInt8], _ token: [UInt8]) -> Bool {
        var difference: UInt8 = given.count == token.count ? 0 : 1
        for index in token.indices { difference |= token[index] ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }

    /// Guards against DNS rebinding. Without a token only this machine may ask, so a web page from elsewhere must not reach the
    /// service through a host name that it lets resolve to this machine.
    private func checkHost(_ request: Request) throws(Problem) {
        guard token == nil, settings.isLoopback, let authority = request.head.authority, !authority.isEmpty else {
            return
        }
        let end = authority.last == "]" ? authority.endIndex : authority.lastIndex(of: ":") ?? authority.endIndex
        guard HTTPSettings.isLoopback(authority[..<end].lowercased()) else {
            throw Problem(
                .wrongHost,
                "the Host is \(authority.prefix(100)); without a token this machine's own names are taken only")
        }
    }

    /// The problem of a path that does not exist, or that takes other methods.
    private func nothing(at request: Request) -> Problem {
        let methods = routes.filter { $0.matches(request.uri.path) }.map(\.method)
        guard !methods.isEmpty else { return Problem(.notFound, "GET /docs says what there is") }
        let allowed = methods.flatMap { $0 == .get ? [.get, .head] : [$0] }.map(\.rawValue)
        return Problem(
            .methodNotAllowed,
            "\(request.method.rawValue.prefix(40)) is not taken here; use \(allowed.joined(separator: " or "))"
        ).with(.allow, allowed.joined(separator: ", "))
    }
}
