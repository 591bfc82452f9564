import CRDKafka
import Foundation
import LocalCluster
import TestSupport
import Testing

@testable import Kafka

/// Why there is no connection, and which setting that is about: nine causes, told apart by a real client that meets them.
@Suite(.ownThreads, .timeLimit(.minutes(3))) struct ConnectionTests {
    private static let openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl"].first(where: {
        FileManager.default.isExecutableFile(atPath: $0)
    })

    /// What a client is told that cannot connect.
    private static func problem(_ properties: [String: String]) throws -> ConnectionProblem {
        let admin = try Admin(properties: properties)
        defer { admin.close() }
        let error = try #require(throws: KafkaError.self) {
            _ = try admin.partitionCount(of: "events", timeoutMilliseconds: 3000)
        }
        #expect(error.remedy == .retry)
        return try #require(error.problem, "\(error)")
    }

    @Test func aClosedPortAndAnUnknownHostAreTold() throws {
        let closed = try Self.problem(["bootstrap.servers": "127.0.0.1:1"])
        #expect(closed.cause == .refused)
        #expect(
            "\(closed)".contains("nothing listens on the broker's port; check kafka.bootstrap.servers (127.0.0.1:1)"))
        let unknown = try Self.problem(["bootstrap.servers": "kafka.invalid:9092"])
        #expect(unknown.cause == .unknownHost)
        #expect("\(unknown)".contains("check kafka.bootstrap.servers (kafka.invalid:9092)"))
    }

    @Test(arguments: [
        ("password", ConnectionProblem.Cause.login, "check kafka.sasl.username and kafka.sasl.password"),
        ("mechanism", .mechanism, "does not take logins by PLAIN; check kafka.sasl.mechanisms"),
    ]) func aLoginThatIsRefusedIsTold(_ what: String, _ cause: ConnectionProblem.Cause, _ words: String) throws {
        let directory = try TemporaryDirectory()
        let server = try ChildProcess(
            ["/usr/bin/env", "python3", Checkout.root.path + "/Tests/KafkaTests/login_server.py", what],
            log: directory.path + "/log")
        let port = try server.firstLine()
        let problem = try Self.problem([
            "bootstrap.servers": "127.0.0.1:\(port)", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "PLAIN",
            "sasl.username": "shop", "sasl.password": "wrong",
        ])
        #expect(problem.cause == cause)
        #expect("\(problem)".contains(words), "\(problem)")
        #expect(!"\(problem)".contains("wrong"), "a password is nobody's business")
    }

    @Test(.enabled(if: openssl != nil, "no openssl: install it to see what is told of TLS"))
    func whatIsWrongWithTLSIsTold() throws {
        let directory = try TemporaryDirectory()
        let shop = try Certificates(in: directory.path, openssl: Self.openssl!)
        func problem(certificate: String, authority: String = "right", host: String = "localhost") throws
            -> ConnectionProblem
        {
            let server = try shop.serve(certificate)
            defer { server.process.kill() }
            return try Self.problem([
                "bootstrap.servers": "\(host):\(server.port)", "security.protocol": "SSL",
                "broker.address.family": "v4",
                "ssl.ca.location": "\(directory.path)/\(authority).pem",
            ])
        }
        let untrusted = try problem(certificate: "good", authority: "wrong")
        #expect(untrusted.cause == .untrustedCertificate)
        #expect("\(untrusted)".contains("check kafka.ssl.ca.location"))
        let expired = try problem(certificate: "expired")
        #expect(expired.cause == .expiredCertificate)
        #expect("\(expired)".contains("certificate has expired"), "\(expired)")
        let other = try problem(certificate: "other")
        #expect(other.cause == .otherHost)

        let server = try shop.serve("good")
        let plain = try Self.problem(["bootstrap.servers": "127.0.0.1:\(server.port)"])
        #expect(plain.cause == .tlsExpected)
        #expect("\(plain)".contains("check kafka.security.protocol, which is plaintext"))
        let broker = try EmbeddedBroker()
        let tls = try Self.problem(["bootstrap.servers": broker.bootstrapServers, "security.protocol": "SSL"])
        #expect(tls.cause == .tlsNotSpoken)
        #expect("\(tls)".contains("check kafka.security.protocol, which is SSL"))
    }

    /// What no broker here can show, in librdkafka's own words; of 2.0.2 and 2.16.
    @Test func otherErrorsAreUnderstoodByTheirWords() {
        func cause(_ code: rd_kafka_resp_err_t, _ text: String) -> ConnectionProblem.Cause? {
            ConnectionProblem(code, detail: text, properties: [:])?.cause
        }
        let transport = RD_KAFKA_RESP_ERR__TRANSPORT
        #expect(cause(transport, "Failed to connect to broker at a:9092: Network is unreachable") == .unreachable)
        #expect(cause(transport, "Connection setup timed out in state CONNECT") == .timeout)
        #expect(
            cause(transport, "ApiVersionRequest failed: Local: Timed out: probably due to broker version < 0.10")
                == .timeout)
        #expect(
            cause(
                transport,
                "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116")
                == .clientCertificate)
        #expect(
            cause(
                RD_KAFKA_RESP_ERR__SSL,
                "SSL handshake failed: error:0A000410:SSL routines::sslv3 alert handshake failure: SSL alert number 40")
                == .clientCertificate)
        #expect(
            cause(
                transport,
                "Disconnected: connection closed by peer: receive 0 after POLLIN (after 1ms in state APIVERSION_QUERY)")
                == .tlsExpected)
        #expect(
            cause(
                transport,
                "Disconnected: verify that security.protocol is correctly configured, broker might require SASL authentication "
                    + "(after 2ms in state UP)") == .lost)
        #expect(
            cause(
                transport,
                "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener?"
            )
                == .tlsNotSpoken)
        #expect(
            cause(RD_KAFKA_RESP_ERR__BAD_MSG, "Receive failed: Invalid response size 1213486160 (0..100000000)")
                == .notKafka)
        #expect(cause(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down") == nil)
        #expect(cause(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "no") == nil)
    }

    @Test func loginsBySCRAMNameTheVersionThatMendsThem() {
        let note = ConnectionProblem.scramNote(for: ["sasl.mechanisms": "SCRAM-SHA-512"])
        #expect((note != nil) == Library.isOlder(than: 2, 6, 1))
        #expect(note?.contains("before 2.6.1") ?? true)
        #expect(ConnectionProblem.scramNote(for: ["sasl.mechanisms": "PLAIN"]) == nil)
    }
}

extension ChildProcess {
    /// The first line that it prints.
    fileprivate func firstLine() throws -> String {
        for _ in 0..<1000 {
            let text = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
            if let line = text.split(separator: "\n", omittingEmptySubsequences: false).first, text.contains("\n") {
                return String(line)
            }
            Thread.sleep(forTimeInterval: 0.01)
        }
        struct Silent: Error {}
        throw Silent()
    }
}

/// An authority, another one, and certificates of the first: a good one, one that has expired and one of another host.
private struct Certificates {
    private let directory: String
    private let openssl: String

    init(in directory: String, openssl: String) throws {
        self.directory = directory
        self.openssl = openssl
        for name in ["right", "wrong"] {
            try run("req -x509 -newkey rsa:2048 -nodes -subj /CN=\(name) -days 2 -keyout \(name).key -out \(name).pem")
        }
        for (name, host, days) in [
            ("good", "localhost", "2"), ("expired", "localhost", "-1"), ("other", "other.example", "2"),
        ] {
            try "subjectAltName=DNS:\(host)".write(
                toFile: "\(directory)/\(name).ext", atomically: true, encoding: .utf8)
            try run("req -newkey rsa:2048 -nodes -subj /CN=\(host) -keyout \(name).key -out \(name).csr")
            try run(
                "x509 -req -in \(name).csr -CA right.pem -CAkey right.key -CAcreateserial -days \(days) -extfile \(name).ext "
                    + "-out \(name).pem")
        }
    }

    private func run(_ arguments: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: openssl)
        process.arguments = arguments.split(separator: " ").map(String.init)
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments)")
    }

    /// A server that shows a certificate and says nothing.
    func serve(_ name: String) throws -> (process: ChildProcess, port: UInt16) {
        let port = try LocalBroker.freePort()
        let process = try ChildProcess(
            [
                openssl, "s_server", "-accept", "127.0.0.1:\(port)", "-cert", "\(name).pem", "-key", "\(name).key",
                "-www",
            ],
            in: directory, log: "\(directory)/\(name).log")
        for _ in 0..<1000
        where !((try? String(contentsOfFile: process.logPath, encoding: .utf8)) ?? "").contains("ACCEPT") {
            Thread.sleep(forTimeInterval: 0.01)
        }
        return (process, port)
    }
}
