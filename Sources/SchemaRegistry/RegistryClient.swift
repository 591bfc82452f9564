import Events
import Foundation

/// Asks a Schema Registry by its REST API
/// (https://docs.confluent.io/platform/current/schema-registry/develop/api.html). Each call waits for the answer.
package struct RegistryClient: Sendable {
    private let settings: RegistrySettings
    private static let referenceLimit = 100

    /// A client of the registry at these settings' addresses.
    package init(_ settings: RegistrySettings) { self.settings = settings }

    /// The schema of a number, with all that it refers to.
    /// - Parameter codec: what it is expected to be a schema of.
    /// - Throws: `SchemaUnavailable`.
    package func schema(_ number: UInt32, codec: MessageCodec) throws(SchemaUnavailable) -> SchemaSource {
        // A registry that can gives Protobuf as a descriptor, others as text. Of Avro they know no such format.
        let format = codec == .protobuf ? "?format=serialized" : ""
        let schema = try Published(try get("/schemas/ids/\(number)\(format)", "schema \(number)"), "schema \(number)")
        guard schema.codec == codec else {
            throw SchemaUnavailable(
                "schema \(number) of the registry is one of \(schema.type); events.codec is \(codec)", isRefusal: true)
        }
        var references: [[UInt8]] = []
        var seen: Set<String> = []
        try collect(schema.references, format, into: &references, &seen)
        return SchemaSource(codec: codec, text: Array(schema.text.utf8), references: references)
    }

    /// Registers a schema, unless it is.
    /// - Parameter subject: whose versions must be compatible, as the registry is set.
    /// - Returns: the schema's number.
    /// - Throws: `SchemaUnavailable`, a refusal for one that is not compatible.
    package func register(_ text: String, codec: MessageCodec, subject: String) throws(SchemaUnavailable) -> UInt32 {
        var content = ["schema": text]
        if codec != .avro { content["schemaType"] = codec == .json ? "JSON" : "PROTOBUF" }
        guard let body = try? JSONSerialization.data(withJSONObject: content) else {
            throw SchemaUnavailable("the schema of \(subject) cannot be written as JSON", isRefusal: true)
        }
        let answer = try request(
            "/subjects/\(Self.escaped(subject))/versions", body: [UInt8](body), what: "a schema for \(subject)")
        guard let id = answer["id"] as? Int, let number = UInt32(exactly: id) else {
            throw SchemaUnavailable(
                "the Schema Registry has given no number to the schema of \(subject)", isRefusal: false)
        }
        return number
    }

    private func collect(
        _ wanted: [Published.Reference], _ format: String, into texts: inout [[UInt8]], _ seen: inout Set<String>
    ) throws(SchemaUnavailable) {
        for reference in wanted {
            let what = "version \(reference.version) of \(reference.subject)"
            guard seen.insert(what).inserted else { continue }
            guard seen.count <= Self.referenceLimit else {
                throw SchemaUnavailable("a schema refers to more than \(Self.referenceLimit) others", isRefusal: true)
            }
            let path = "/subjects/\(Self.escaped(reference.subject))/versions/\(reference.version)\(format)"
            let schema = try Published(try get(path, what), what)
            try collect(schema.references, format, into: &texts, &seen)
            texts.append(Array(schema.text.utf8))
        }
    }

    private static func escaped(_ subject: String) -> String {
        subject.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-_.")))
            ?? subject
    }

    /// A schema as the registry gives it.
    private struct Published {
        struct Reference {
            let subject: String
            let version: Int
        }

        let text: String
        let type: String
        let references: [Reference]

        var codec: MessageCodec? {
            switch type {
            case "AVRO": .avro
            case "PROTOBUF": .protobuf
            case "JSON": .json
            default: nil
            }
        }

        init(_ answer: [String: Any], _ what: String) throws(SchemaUnavailable) {
            guard let text = answer["schema"] as? String else {
                throw SchemaUnavailable("the Schema Registry's answer has no text of \(what)", isRefusal: false)
            }
            self.text = text
            type = answer["schemaType"] as? String ?? "AVRO"
            var references: [Reference] = []
            for entry in answer["references"] as? [[String: Any]] ?? [] {
                guard let subject = entry["subject"] as? String, let version = entry["version"] as? Int else {
                    throw SchemaUnavailable("\(what) refers to a schema without a subject or version", isRefusal: true)
                }
                references.append(Reference(subject: subject, version: version))
            }
            self.references = references
        }
    }

    private func get(_ path: String, _ what: String) throws(SchemaUnavailable) -> [String: Any] {
        try request(path, body: nil, what: what)
    }

    /// Asks the registry's addresses one after the other until one answers.
    private func request(_ path: String, body: [UInt8]?, what: String) throws(SchemaUnavailable) -> [String: Any] {
        var failures: [SchemaUnavailable] = []
        for url in settings.urls {
            let base = url.hasSuffix("/") ? String(url.dropLast()) : url
            let asked = "the Schema Registry at \(base) was asked for \(what)"
            do throws(RequestFailure) {
                let answer = try HTTPRequest(url: base + path, body: body, settings: settings).send()
                let content = try? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
                if answer.status == 200, let content { return content }
                failures.append(Self.failure(answer.status, content, asked))
            } catch {
                failures.append(SchemaUnavailable("\(asked): \(error)", isRefusal: false))
            }
        }
        // A node may lag behind another one: it is a refusal only if all refuse.
        throw failures.last { !$0.isRefusal } ?? failures.last
            ?? SchemaUnavailable("no Schema Registry is named: set schema_registry.url", isRefusal: false)
    }

    private static func failure(
        _ status: Int, _ content: [String: Any]?, _ asked: String
    ) -> SchemaUnavailable {
        let reason = (content?["message"] as? String).map { ": \($0)" } ?? ""
        let code = content?["error_code"] as? Int ?? 0
        switch (status, code) {
        case (401, _), (403, _):
            return SchemaUnavailable(
                "\(asked) and answered \(status)\(reason): check schema_registry.user, password or token",
                isRefusal: false)
        case (404, 40_400...40_499), (409, _), (422, _):
            return SchemaUnavailable("\(asked) and answered \(status)\(reason)", isRefusal: true)
        default: return SchemaUnavailable("\(asked) and answered \(status)\(reason)", isRefusal: false)
        }
    }
}

extension SchemaCatalogue {
    /// The schemas of a registry.
    package convenience init(of client: RegistryClient, codec: MessageCodec) {
        self.init { number throws(SchemaUnavailable) in try client.schema(number, codec: codec) }
    }
}
