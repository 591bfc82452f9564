import Hummingbird

/// What can be asked, in OpenAPI 3.1: made of the settings, the model and the shop's field names.
struct OpenAPIDocument {
    let context: ScoringContext
    let settings: HTTPSettings

    private struct Operation {
        let path: String
        let method: String
        let name: String
        let summary: String
        var description = ""
        var parameters: [String] = []
        var body: String?
        /// Description and either a schema's name or a media type that is no JSON.
        let answer: (text: String, schema: String?, type: String)
        var others: [(status: Int, text: String, schema: String)] = []
        var errors: [Int] = []
        var isOpen = false
    }

    var json: String {
        let paths = Dictionary(grouping: operations, by: \.path).sorted { $0.key < $1.key }.map { path, operations in
            "\(quoted(path)):{\(operations.map { "\(quoted($0.method)):\(text($0))" }.joined(separator: ","))}"
        }
        let schemas = APISchemas(context: context, settings: settings).all.map {
            "\(quoted($0.name)):\($0.schema.json)"
        }
        let responses = Self.errors.map { status, error in "\(quoted(error.name)):\(response(error))" }.sorted()
        return """
            {"openapi":"3.1.0","info":{"title":"Future Cart","version":"1","description":\(quoted(Self.introduction)),\
            "license":{"name":"Apache License 2.0","identifier":"Apache-2.0"}},\
            "servers":[{"url":"/"}],\
            "paths":{\(paths.joined(separator: ","))},\
            "components":{"schemas":{\(schemas.joined(separator: ","))},\
            "responses":{\(responses.joined(separator: ","))},\
            "securitySchemes":{"token":{"type":"http","scheme":"bearer",\
            "description":"The token of http.token; without one configured, none is needed."}}},\
            "security":[{"token":[]},{}]}
            """
    }

    private static let introduction =
        "How likely is each customer to buy again within the model's horizon? Asked of one scoring worker, which knows the "
        + "customers of the partitions assigned to it. Bodies are JSON (UTF-8, no name twice, at most \(BodyReader.depthLimit) "
        + "levels deep); times are UTC; numbers are the shortest decimals that read back as the same value, bit for bit "
        + "those of the stream's predictions. Every error is application/problem+json (RFC 9457). Where there is GET "
        + "there is HEAD."

    private var operations: [Operation] {
        modelOperations + [
            Operation(
                path: "/health/live", method: "get", name: "live", summary: "Whether the process lives",
                answer: ("It does.", "Live", Self.jsonType), isOpen: true),
            Operation(
                path: "/health/ready", method: "get", name: "ready",
                summary: "Whether the worker scores: partitions assigned, their state restored, a model loaded",
                answer: ("It does.", "Ready", Self.jsonType),
                others: [(503, "It does not yet; the answer says what is missing.", "Ready")], isOpen: true),
            Operation(
                path: "/metrics", method: "get", name: "metrics", summary: "Figures for Prometheus",
                answer: ("Prometheus' text format.", nil, "text/plain")),
            Operation(
                path: "/v1/status", method: "get", name: "status",
                summary: "The worker: counters, partitions, latency, what predictions came to, drift",
                answer: ("At most about a second old.", "Status", Self.jsonType)),
            Operation(
                path: "/v1/features", method: "get", name: "features", summary: "The features that models see",
                answer: ("In the order of rows.", "Features", Self.jsonType)),
            Operation(
                path: "/v1/score", method: "post", name: "score", summary: "Scores a customer from their events",
                description:
                    "The events are taken in order as the stream would take them, from a customer of whom nothing "
                    + "else is known. At most \(settings.maxEvents) events and \(settings.maxBodyBytes) bytes.",
                parameters: [explain], body: "ScoreRequest",
                answer: ("The score after the last event.", "Score", Self.jsonType),
                errors: Self.bodyErrors),
            Operation(
                path: "/v1/score/features", method: "post", name: "scoreFeatures", summary: "Scores a row of features",
                description: "All features by name, null for those without a value; none has a default.",
                parameters: [explain], body: "FeatureScoreRequest",
                answer: ("The row's score.", "FeatureScore", Self.jsonType),
                errors: Self.bodyErrors),
            Operation(
                path: "/v1/customers", method: "get", name: "ranking",
                summary: "Customers by their probability as of their partition's clock",
                parameters: [
                    parameter(
                        "top", in: "query",
                        .integer("How many.", from: 1, to: API.mostRanked), isRequired: false, rest: ",\"example\":20")
                ],
                answer: ("The highest first.", "Ranking", Self.jsonType), errors: [422]),
            Operation(
                path: "/v1/customers/{id}", method: "get", name: "customer",
                summary: "A customer: state, features, prediction and why",
                parameters: [
                    parameter(
                        "id", in: "path", .string("As in the events.", rest: "\"minLength\":1"), isRequired: true),
                    parameter(
                        "as_of", in: "query",
                        .any(
                            of: [.string(rest: "\"format\":\"date-time\""), .oneOf(["now"])],
                            "An instant to look from; the partition's clock unless given. One before the customer's clock has the partition's log read again."
                        ), isRequired: false),
                ],
                answer: (
                    "As the worker's thread found them, or as their events up to an earlier as_of left them.",
                    "Customer",
                    Self.jsonType
                ), errors: [404, 421, 422]),
            Operation(
                path: "/openapi.json", method: "get", name: "document", summary: "This document",
                answer: ("OpenAPI 3.1.", "Document", Self.jsonType)),
            Operation(
                path: "/docs", method: "get", name: "docs", summary: "This document, to read",
                answer: ("A page.", nil, "text/html")),
        ]
    }

    private var modelOperations: [Operation] {
        let version = parameter(
            "version", in: "path", .string("As GET /v1/model/versions has it.", rest: "\"minLength\":1"),
            isRequired: true)
        return [
            Operation(
                path: "/v1/model", method: "get", name: "model", summary: "The model that is served",
                answer: ("Where it came from and how good it is.", "Model", Self.jsonType)),
            Operation(
                path: "/v1/model/reload", method: "post", name: "reloadModel",
                summary: "Serves the model that `current` points to",
                description:
                    "It is verified and proven first, and held against the limits of blast_radius; served from a commit on; takes "
                    + "seconds. Whatever is wrong with it, the present one stays.",
                answer: ("What is served now.", "Reload", Self.jsonType), errors: [409]),
            Operation(
                path: "/v1/model/rollback", method: "post", name: "rollBackModel",
                summary: "Serves the model that was served before",
                description: "Moves `current`, for all workers of its directory. Needs a worker with http.token.",
                answer: ("What is served now.", "Reload", Self.jsonType), errors: [403, 409]),
            Operation(
                path: "/v1/model/versions", method: "get", name: "modelVersions",
                summary: "The models at hand, the latest written first",
                answer: ("As their manifests have it.", "ModelVersions", Self.jsonType)),
            Operation(
                path: "/v1/model/comparison", method: "get", name: "latestModelComparison",
                summary: "What the model would change that was last held against the one in service",
                answer: ("Of the latest change, refusal or question.", "ModelComparison", Self.jsonType),
                errors: [404]),
            Operation(
                path: "/v1/model/versions/{version}/comparison", method: "get", name: "compareModel",
                summary: "What a model would change",
                description:
                    "The worker's latest rows, one prediction in 16, are scored by it and by the one in service.",
                parameters: [version],
                answer: ("Figures of all rows and of their parts.", "ModelComparison", Self.jsonType),
                errors: [404, 422]),
            Operation(
                path: "/v1/model/versions/{version}/promote", method: "post", name: "promoteModel",
                summary: "Serves a model",
                description:
                    "Moves `current`, for all workers of its directory, unless what would change is beyond the limits of "
                    + "blast_radius. Needs a worker with http.token.",
                parameters: [
                    version,
                    parameter(
                        "whatever_it_changes", in: "query",
                        .oneOf(["true", "false"], "Consents to changes beyond the limits; false unless given."),
                        isRequired: false),
                ], answer: ("What is served now.", "Reload", Self.jsonType), errors: [403, 409, 422]),
        ]
    }

    private var explain: String {
        parameter(
            "explain", in: "query", .oneOf(["true", "false"], "Whether the answer says why; true unless given."),
            isRequired: false)
    }

    private static let jsonType = "application/json"
    private static let bodyErrors = [400, 413, 415, 422]

    private static let errors: [Int: (name: String, text: String)] = [
        400: ("Malformed", "The body is not JSON; `position` is the byte at which it ceases to be."),
        401: ("Unauthorized", "A token is configured, and the request bears none or another."),
        403: ("TokenNeeded", "The worker has no token, and takes this only where one is configured."),
        404: (
            "Unknown",
            "There is no such model; or the customer's `partition` is assigned here, and there is no such customer."
        ),
        405: ("MethodNotAllowed", "The path does not take this method; Allow says which it takes."),
        408: ("Timeout", "The request did not arrive in time."),
        409: ("ModelRefused", "The model is not served, and why; `model_version` stays."),
        413: ("TooLarge", "The body has more than `limit` bytes."),
        415: ("UnsupportedMediaType", "The body is not application/json, or is compressed."),
        421: (
            "Misdirected",
            "The customer's `partition` is assigned to another worker, `owner`; or the Host is none of this machine's names."
        ),
        422: (
            "Unprocessable",
            "Well-formed, but not to be answered; the members beside the detail say what is wrong where."
        ),
        431: ("HeadersTooLarge", "The head of the request is too large."),
        500: ("InternalError", "A mistake of the worker's; its log says more."),
        503: ("Unavailable", "Too busy, not ready, or no answer in time; Retry-After says when to try again."),
    ]

    private func text(_ operation: Operation) -> String {
        var members = [
            "\"operationId\":\(quoted(operation.name))", "\"summary\":\(quoted(operation.summary))",
        ]
        if !operation.description.isEmpty { members.append("\"description\":\(quoted(operation.description))") }
        if operation.isOpen { members.append("\"security\":[]") }
        if !operation.parameters.isEmpty {
            members.append("\"parameters\":[\(operation.parameters.joined(separator: ","))]")
        }
        if let body = operation.body {
            members.append("\"requestBody\":{\"required\":true,\"content\":\(content(Self.jsonType, body))}")
        }
        var responses = [
            "\"200\":{\"description\":\(quoted(operation.answer.text)),\"content\":\(content(operation.answer.type, operation.answer.schema))}"
        ]
        for other in operation.others {
            responses.append(
                "\"\(other.status)\":{\"description\":\(quoted(other.text)),\"content\":\(content(Self.jsonType, other.schema))}"
            )
        }
        let general = operation.isOpen ? [405, 408, 421, 431, 500] : [401, 405, 408, 421, 431, 500, 503]
        for status in Set(operation.errors + general).sorted() {
            guard let error = Self.errors[status] else { continue }
            responses.append("\"\(status)\":{\"$ref\":\"#/components/responses/\(error.name)\"}")
        }
        members.append("\"responses\":{\(responses.joined(separator: ","))}")
        return "{\(members.joined(separator: ","))}"
    }

    private func content(_ type: String, _ schema: String?) -> String {
        let text =
            switch schema {
            case "Document": "{\"type\":\"object\"}"
            case let name?: "{\"$ref\":\"#/components/schemas/\(name)\"}"
            case nil: "{\"type\":\"string\"}"
            }
        return "{\(quoted(type)):{\"schema\":\(text)}}"
    }

    private func response(_ error: (name: String, text: String)) -> String {
        "{\"description\":\(quoted(error.text)),\"content\":\(content(Problem.contentType, "Problem"))}"
    }

    private func parameter(
        _ name: String, in place: String, _ schema: JSONSchema, isRequired: Bool, rest: String = ""
    ) -> String {
        "{\"name\":\(quoted(name)),\"in\":\"\(place)\",\"required\":\(isRequired),\"schema\":\(schema.json)\(rest)}"
    }

    private func quoted(_ text: String) -> String { JSONSchema.quoted(text) }
}
