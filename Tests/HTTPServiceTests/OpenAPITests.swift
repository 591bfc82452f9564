import Features
import Foundation
import TestSupport
import Testing

@testable import HTTPService

@Suite struct OpenAPITests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test func everyRouteIsInTheDocumentAndTheReverse() async throws {
        let paths = try #require(try await rig.get("/openapi.json").json["paths"] as? [String: [String: Any]])
        let documented = Set(paths.flatMap { path, operations in operations.keys.map { "\($0) \(path)" } })
        #expect(documented == Set(rig.api.routes.map { "\($0.method.rawValue.lowercased()) \($0.path)" }))
    }

    @Test func thePageHoldsTheDocument() async throws {
        let document = try await rig.get("/openapi.json").text
        #expect(try await rig.get("/docs").text.contains(document.replacing("<", with: "\\u003c")))
    }

    /// Answers of all kinds, by Python's jsonschema, against what the document says of their path, method and status.
    @Test func answersAreWhatTheDocumentSays() async throws {
        let busiest = rig.worker.busiest[0]
        let body = Rig.body(try #require(rig.worker.messages[busiest]))
        let row = "{\"features\":{\(FeatureSchema(.standard).names.map { "\"\($0)\":null" }.joined(separator: ","))}}"
        let asked: [(path: String, uri: String, body: String?)] = [
            ("/health/live", "/health/live", nil), ("/health/ready", "/health/ready", nil),
            ("/v1/status", "/v1/status", nil), ("/v1/model", "/v1/model", nil), ("/v1/features", "/v1/features", nil),
            ("/v1/customers", "/v1/customers", nil), ("/v1/customers", "/v1/customers?top=0", nil),
            ("/v1/customers/{id}", "/v1/customers/\(busiest)", nil),
            ("/v1/customers/{id}", "/v1/customers/\(busiest)?as_of=2011-12-31T00:00:00Z", nil),
            ("/v1/customers/{id}", "/v1/customers/\(busiest)?as_of=1999-12-31", nil),
            ("/v1/customers/{id}", "/v1/customers/nobody%201", nil),
            ("/v1/customers/{id}", "/v1/customers/nobody%207", nil),
            ("/v1/score", "/v1/score", body), ("/v1/score", "/v1/score?explain=false", body),
            ("/v1/score", "/v1/score", "{\"events\":[7]}"), ("/v1/score", "/v1/score", "{"),
            ("/v1/score", "/v1/score", Rig.body([SampleEvent().json, SampleEvent(customer: "2").json])),
            ("/v1/score/features", "/v1/score/features", row), ("/v1/score/features", "/v1/score/features", "{}"),
            ("/openapi.json", "/openapi.json", nil), ("/v1/model/reload", "/v1/model/reload", ""),
        ]
        var lines: [String] = []
        for (path, uri, body) in asked {
            let answer = try await rig.ask(body == nil ? .get : .post, uri, body: body)
            let method = body == nil ? "get" : "post"
            let type = answer.headers[.contentType] ?? ""
            lines.append(
                "{\"path\":\"\(path)\",\"method\":\"\(method)\",\"status\":\"\(answer.status.code)\",\"type\":\"\(type)\","
                    + "\"answer\":\(answer.text.replacing("\n", with: " "))}")
            if let body, !body.isEmpty, answer.status == .ok {
                lines.append(
                    "{\"path\":\"\(path)\",\"method\":\"post\",\"status\":\"\",\"type\":\"\",\"answer\":\(body)}")
            }
        }
        let result = try validate(lines, document: try await rig.get("/openapi.json").text)
        #expect(result.status == 0, "\(result.output)")
        let wrong = try validate(
            [lines[2].replacing("\"uptime_seconds\":12.5", with: "\"uptime_seconds\":\"long\"")],
            document: try await rig.get("/openapi.json").text)
        #expect(wrong.status == 1)
    }

    static let validator = """
        import json, sys
        from jsonschema import Draft202012Validator, RefResolver
        document = json.load(open(sys.argv[1]))
        bad = 0
        for name, schema in document["components"]["schemas"].items():
            Draft202012Validator.check_schema(schema)
        for number, line in enumerate(open(sys.argv[2], encoding="utf-8")):
            case = json.loads(line)
            operation = document["paths"][case["path"]][case["method"]]
            if case["status"]:
                response = operation["responses"].get(case["status"])
                if response is None:
                    bad += 1
                    print(number, case["path"], "status not documented:", case["status"])
                    continue
                if "$ref" in response:
                    response = document["components"]["responses"][response["$ref"].split("/")[-1]]
                schema = response["content"][case["type"]]["schema"]
            else:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
            validator = Draft202012Validator(schema, resolver=RefResolver("", document))
            errors = list(validator.iter_errors(case["answer"]))
            if errors:
                bad += 1
                print(number, case["path"], case["status"], list(errors[0].path), errors[0].message[:300])
        sys.exit(1 if bad else 0)
        """

    func validate(_ lines: [String], document: String) throws -> (status: Int32, output: String) {
        let directory = try TemporaryDirectory()
        return try PythonScript.run(
            Self.validator,
            [try directory.file("openapi.json", document), try directory.file("lines", lines.joined(separator: "\n"))])
    }
}
