import Events
import Foundation
import SchemaRegistry
import Settings

extension EventFormat {
    /// Reads what messages are written in, and where their schemas come from.
    mutating func readSchemas(_ events: ConfigurationReader, _ registry: RegistrySettings) {
        codec = events.choice("codec", default: codec)
        framing = events.choice("framing", default: framing)
        messageName = events.string("message", default: messageName)
        let path = events.string("schema_file", default: "")
        switch (codec, framing) {
        case (.json, _):
            if !path.isEmpty { events.refuse("schema_file", "is of no use: events.codec is json") }
        case (_, .none): readSchemaFile(path, events)
        case (_, .confluent):
            if !path.isEmpty { events.refuse("schema_file", "is of no use: frames name schemas of the registry") }
            if registry.urls.isEmpty {
                events.refuse("framing", "is confluent: schema_registry.url must say where the Schema Registry is")
            }
            catalogue = SchemaCatalogue(of: RegistryClient(registry), codec: codec)
        }
    }

    private mutating func readSchemaFile(_ path: String, _ events: ConfigurationReader) {
        guard !path.isEmpty else {
            return events.refuse("schema_file", "must name the schema of messages in \(codec): events.framing is none")
        }
        guard let text = FileManager.default.contents(atPath: path) else {
            return events.refuse("schema_file", "names \(path), which is not there or cannot be read")
        }
        do throws(SchemaError) {
            let schema = try MessageSchema(SchemaSource(codec: codec, text: [UInt8](text)))
            self.schema = schema
            if let refusal = schema.refusal(ofMessage: messageName) {
                events.refuse("message", "names a message that the schema does not declare: \(path) \(refusal)")
            }
        } catch {
            events.refuse("schema_file", "names \(path), which \(error)")
        }
    }
}

extension RegistrySettings {
    /// Reads the section `schema_registry:`.
    package init(_ reader: ConfigurationReader) {
        self.init()
        let reader = reader.section("schema_registry")
        urls = reader.strings("url", default: urls)
        for url in urls where !(url.hasPrefix("http://") || url.hasPrefix("https://")) {
            reader.refuse("url", "must begin with http:// or https://")
        }
        for url in urls where url.dropFirst("https://".count).prefix(while: { $0 != "/" }).contains("@") {
            reader.refuse(
                "url", "must not hold a user or password: set schema_registry.user and schema_registry.password")
        }
        user = reader.string("user", default: user)
        password = reader.string("password", default: password)
        token = reader.string("token", default: token)
        if !user.isEmpty, !token.isEmpty { reader.refuse("token", "cannot be set together with schema_registry.user") }
        caFile = reader.string("ca_file", default: caFile)
        certificateFile = reader.string("certificate_file", default: certificateFile)
        keyFile = reader.string("key_file", default: keyFile)
        keyPassword = reader.string("key_password", default: keyPassword)
        for (key, path) in [("ca_file", caFile), ("certificate_file", certificateFile), ("key_file", keyFile)]
        where !path.isEmpty && !FileManager.default.isReadableFile(atPath: path) {
            reader.refuse(key, "names \(path), which is not there or cannot be read")
        }
        timeoutMilliseconds = reader.duration("timeout", default: timeoutMilliseconds, in: 1...600_000)
    }
}
