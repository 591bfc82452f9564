import Events
import Foundation
import SchemaRegistry
import Synchronization
import TestSupport
import Testing

/// The client beside a registry that answers as the published REST API says.
@Suite(.enabled(if: SchemaRegistryProcess.python != nil, SchemaRegistryProcess.skipped))
struct RegistryClientTests {
    static let product =
        #"{"type": "record", "name": "Product", "fields": [{"name": "code", "type": "string"}]}"#

    static func settings(_ urls: String..., change: (inout RegistrySettings) -> Void = { _ in }) -> RegistrySettings {
        var settings = RegistrySettings()
        settings.urls = urls
        change(&settings)
        return settings
    }

    /// What the registry says to a client with these settings about schema 1.
    static func answer(_ settings: RegistrySettings) -> Result<SchemaSource, SchemaUnavailable> {
        do throws(SchemaUnavailable) {
            return .success(try RegistryClient(settings).schema(1, codec: .avro))
        } catch {
            return .failure(error)
        }
    }

    static func failure(_ settings: RegistrySettings) -> SchemaUnavailable? {
        if case .failure(let error) = answer(settings) { error } else { nil }
    }

    static func isAnswered(_ settings: RegistrySettings) -> Bool { failure(settings) == nil }

    @Test func asksByPasswordAndToken() throws {
        let registry = try SchemaRegistryProcess(["--user", "reader:secret", "--token", "abc"])
        let settings = Self.settings(registry.url) { ($0.user, $0.password) = ("reader", "secret") }
        #expect(try RegistryClient(settings).register(Self.product, codec: .avro, subject: "a/b c-value") == 1)
        #expect(Self.isAnswered(settings))
        #expect(Self.isAnswered(Self.settings(registry.url + "/") { $0.token = "abc" }))
        let refused = try #require(
            Self.failure(Self.settings(registry.url) { ($0.user, $0.password) = ("reader", "x") }))
        #expect(!refused.isRefusal, "a wrong password says nothing of the schema")
        #expect("\(refused)".contains("401") && "\(refused)".contains("schema_registry.user"))
    }

    @Test func asksOverTLS() throws {
        let directory = try TemporaryDirectory()
        let (certificate, key) = ("\(directory.path)/certificate.pem", "\(directory.path)/key.pem")
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        let registry = try SchemaRegistryProcess(["--tls", certificate, key])
        let trusting = Self.settings(registry.url) { $0.caFile = certificate }
        #expect(try RegistryClient(trusting).register(Self.product, codec: .avro, subject: "p") == 1)
        #expect(Self.isAnswered(trusting))
        let failure = try #require(Self.failure(Self.settings(registry.url)))
        #expect(!failure.isRefusal && "\(failure)".contains("certificate"))
    }

    @Test func goesOnToTheNextAddress() throws {
        let registry = try SchemaRegistryProcess()
        let settings = Self.settings("http://127.0.0.1:1", registry.url)
        #expect(try RegistryClient(settings).register(Self.product, codec: .avro, subject: "p") == 1)
        registry.stop()
        let failure = try #require(Self.failure(settings))
        #expect(!failure.isRefusal && "\(failure)".contains(registry.url), "names who was asked last")
    }

    @Test func tellsARefusalFromAFailure() throws {
        let registry = try SchemaRegistryProcess()
        let missing = try #require(Self.failure(Self.settings(registry.url)))
        #expect(missing.isRefusal && "\(missing)".contains("Schema 1 not found"))
        // Another server's 404 says nothing of the schema.
        let elsewhere = try #require(Self.failure(Self.settings(registry.url + "/registry")))
        #expect(!elsewhere.isRefusal && "\(elsewhere)".contains("404"))
        let client = RegistryClient(Self.settings(registry.url))
        #expect(try client.register(Self.product, codec: .avro, subject: "p") == 1)
        #expect(throws: SchemaUnavailable.self) { try client.schema(1, codec: .protobuf) }
        let wider = Self.product.replacing("}]}", with: #"}, {"name": "price", "type": "double"}]}"#)
        let incompatible = #expect(throws: SchemaUnavailable.self) {
            try client.register(wider, codec: .avro, subject: "p")
        }
        #expect(incompatible?.isRefusal == true && "\(incompatible!)".contains("price has no default"))
    }

    /// What is known needs no registry; what is not is asked for in the background, again and again.
    @Test func aCatalogueOutlivesItsRegistry() throws {
        let registry = try SchemaRegistryProcess()
        let client = RegistryClient(Self.settings(registry.url))
        _ = try client.register(Self.product, codec: .avro, subject: "p")
        let catalogue = SchemaCatalogue(of: client, codec: .avro)
        #expect(try catalogue.wait(for: 1) != nil && catalogue.wait(for: 9) == nil)
        let requests = try registry.run("requests")
        guard case .refused(let reason) = catalogue.lookup(9) else { throw Unexpected() }
        #expect(reason.contains("Schema 9 not found"))
        registry.stop()
        guard case .known = catalogue.lookup(1) else { throw Unexpected() }
        // One to register, one that was answered, and a refusal that was asked for twice.
        #expect(requests == "4")
        #expect(throws: SchemaUnavailable.self) { _ = try catalogue.wait(for: 2) }
        guard case .awaited(let why?) = catalogue.lookup(2) else { throw Unexpected() }
        #expect(why.contains(registry.url))
        // Another catalogue that was handed what this one knows.
        let heir = SchemaCatalogue(of: client, codec: .avro)
        heir.adopt(catalogue.latest)
        guard case .known(let schema) = heir.lookup(1) else { throw Unexpected() }
        #expect(schema.source.text == Array(Self.product.utf8))
    }

    struct Unexpected: Error {}
}

/// The catalogue by itself, with a registry that answers when it is told to.
@Suite struct SchemaCatalogueTests {
    /// A question that was asked before a schema became known otherwise, and is answered badly afterwards.
    @Test(arguments: [true, false]) func whatIsKnownStaysKnown(isRefusal: Bool) throws {
        let answers = DispatchSemaphore(value: 0)
        let catalogue = SchemaCatalogue { _ throws(SchemaUnavailable) in
            answers.wait()
            throw SchemaUnavailable("no", isRefusal: isRefusal)
        }
        guard case .awaited = catalogue.lookup(7) else { throw RegistryClientTests.Unexpected() }
        let source = SchemaSource(codec: .avro, text: Array(RegistryClientTests.product.utf8))
        catalogue.adopt([NumberedSchema(number: 7, source: source)])
        answers.signal()
        let end = ContinuousClock.now + .milliseconds(300)
        while ContinuousClock.now < end {
            guard case .known = catalogue.lookup(7) else { throw RegistryClientTests.Unexpected() }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    /// Another node of the registry may not have a new schema yet.
    @Test func aRefusalIsBelievedTheSecondTime() throws {
        let questions = Mutex(0)
        let source = SchemaSource(codec: .avro, text: Array(RegistryClientTests.product.utf8))
        let catalogue = SchemaCatalogue { number throws(SchemaUnavailable) in
            let count = questions.withLock { count in
                count += 1
                return count
            }
            if number == 1, count == 2 { return source }
            throw SchemaUnavailable("none", isRefusal: true)
        }
        #expect(try catalogue.wait(for: 1) != nil && catalogue.wait(for: 2) == nil)
        #expect(questions.withLock { $0 } == 4)
    }
}
