import Events
import HTTPTypes
import Hummingbird
import NIOCore

/// Why a request got no answer, after RFC 9457.
struct Problem: Error {
    /// What kinds there are: the last part of `type`, and a title that is always the same.
    enum Kind: String, CaseIterable, Sendable {
        case malformedRequest = "malformed-request"
        case malformedJSON = "malformed-json"
        case unauthorized
        case notFound = "not-found"
        case unknownCustomer = "unknown-customer"
        case methodNotAllowed = "method-not-allowed"
        case timeout
        case bodyTooLarge = "body-too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case customerElsewhere = "customer-elsewhere"
        case wrongHost = "wrong-host"
        case badBody = "bad-body"
        case badEvent = "bad-event"
        case noEvents = "no-events"
        case tooManyEvents = "too-many-events"
        case severalCustomers = "several-customers"
        case badFeatures = "bad-features"
        case badParameter = "bad-parameter"
        case beforeState = "before-state"
        case headersTooLarge = "headers-too-large"
        case internalError = "internal-error"
        case busy
        case noAnswer = "no-answer"
        case logUnreadable = "log-unreadable"
        case notInLog = "not-in-log"
        case notReady = "not-ready"
        case modelRefused = "model-refused"
        case unknownModel = "unknown-model"
        case tokenNeeded = "token-needed"

        var status: HTTPResponse.Status {
            switch self {
            case .malformedRequest, .malformedJSON: .badRequest
            case .unauthorized: .unauthorized
            case .tokenNeeded: .forbidden
            case .notFound, .unknownCustomer, .unknownModel: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .timeout: .requestTimeout
            case .bodyTooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .customerElsewhere, .wrongHost: .misdirectedRequest
            case .badBody, .badEvent, .noEvents, .tooManyEvents, .severalCustomers, .badFeatures, .badParameter,
                .beforeState, .notInLog:
                .unprocessableContent
            case .headersTooLarge: .requestHeaderFieldsTooLarge
            case .modelRefused: .conflict
            case .internalError: .internalServerError
            case .busy, .noAnswer, .logUnreadable, .notReady: .serviceUnavailable
            }
        }

        var title: String {
            switch self {
            case .malformedRequest: "The request is not HTTP as RFC 9112 has it"
            case .malformedJSON: "The body is not JSON"
            case .unauthorized: "The request bears no valid token"
            case .notFound: "There is nothing at this path"
            case .unknownCustomer: "No event of this customer has been seen"
            case .methodNotAllowed: "The path does not take this method"
            case .timeout: "The request took too long to arrive"
            case .bodyTooLarge: "The body is too large"
            case .unsupportedMediaType: "The body must be JSON"
            case .customerElsewhere: "Another worker has this customer"
            case .wrongHost: "The request is meant for another host"
            case .badBody: "The body is not what this path takes"
            case .badEvent: "One of the events is none"
            case .noEvents: "There are no events"
            case .tooManyEvents: "There are too many events"
            case .severalCustomers: "The events are of several customers"
            case .badFeatures: "The features are not those of the model"
            case .badParameter: "A parameter cannot be used"
            case .beforeState: "There are events later than that time"
            case .headersTooLarge: "The head of the request is too large"
            case .internalError: "The worker made a mistake"
            case .busy: "Too many requests are being answered"
            case .noAnswer: "The worker did not answer in time"
            case .logUnreadable: "The log cannot be read again"
            case .notInLog: "The log does not tell of that time"
            case .notReady: "The worker is not ready"
            case .modelRefused: "The model is not served"
            case .unknownModel: "There is no such model to hold against the one in service"
            case .tokenNeeded: "Only a worker with a token takes this"
            }
        }
    }

    let kind: Kind
    let detail: String
    private(set) var headers = HTTPFields()
    /// Members beside the standard ones, by name, as JSON.
    private(set) var members: [(name: String, value: [UInt8])] = []

    init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    func with(_ name: String, _ value: (inout JSONWriter) -> Void) -> Problem {
        var copy = self
        copy.members.append((name, JSONWriter.text(value)))
        return copy
    }

    func with(_ field: HTTPField.Name, _ value: String) -> Problem {
        var copy = self
        copy.headers[field] = value
        return copy
    }

    static let contentType = "application/problem+json"

    /// - Parameter path: of the request.
    func json(path: String) -> [UInt8] {
        JSONWriter.text { writer in
            writer.object { writer in
                writer.key("type")
                writer.string("urn:future-cart:problem:\(kind.rawValue)")
                writer.key("title")
                writer.string(kind.title)
                writer.key("status")
                writer.integer(kind.status.code)
                writer.key("detail")
                writer.string(detail)
                writer.key("instance")
                writer.string(String(path.prefix(1000)))
                for (name, value) in members {
                    writer.key(name)
                    writer.raw(value)
                }
            }
        }
    }

    func response(path: String) -> Response {
        var headers = headers
        headers[.contentType] = Self.contentType
        return Response(
            status: kind.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json(path: path))))
    }
}

extension Problem {
    /// A request that this program has no time for now.
    static func busy(_ most: Int) -> Problem {
        Problem(.busy, "\(most) requests are being answered, which is the most at once; try again in a second")
            .with(.retryAfter, "1")
    }

    static func malformedJSON(_ reason: String, at position: Int?) -> Problem {
        let problem = Problem(.malformedJSON, reason)
        return position.map { position in problem.with("position") { $0.integer(position) } } ?? problem
    }

    /// A member of the body that is missing, unknown or of the wrong type.
    static func badBody(_ name: String?, _ reason: String) -> Problem {
        guard let name else { return Problem(.badBody, reason) }
        return Problem(.badBody, "\"\(name)\" \(reason)").with("field") { $0.string(name) }
    }

    static func badParameter(_ name: String, _ reason: String) -> Problem {
        Problem(.badParameter, "\"\(name)\" \(reason)").with("parameter") { $0.string(name) }
    }
}
