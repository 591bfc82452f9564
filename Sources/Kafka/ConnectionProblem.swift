import CRDKafka

/// Why a client has no connection to Kafka: what librdkafka's own error says, with the setting that it is about.
package struct ConnectionProblem: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; the raw value is for metrics.
    package enum Cause: String, CaseIterable, Sendable {
        /// The host's name is unknown.
        case unknownHost = "unknown_host"
        /// Nothing listens on the port.
        case refused
        /// No network leads to the host.
        case unreachable
        /// There is no answer.
        case timeout
        /// What answers is not Kafka.
        case notKafka = "not_kafka"
        /// The broker expects TLS.
        case tlsExpected = "tls_expected"
        /// The broker speaks no TLS on this port.
        case tlsNotSpoken = "tls_not_spoken"
        /// The broker's certificate is of an authority that is not trusted.
        case untrustedCertificate = "untrusted_certificate"
        /// The broker's certificate has expired or is not yet valid.
        case expiredCertificate = "expired_certificate"
        /// The broker's certificate is of another host.
        case otherHost = "other_host"
        /// The broker wants a certificate of the client's.
        case clientCertificate = "client_certificate"
        /// The broker does not know the mechanism of the login.
        case mechanism
        /// User or password are wrong.
        case login
        /// The connection was lost, and why is not known.
        case lost

        /// Whether it says more than that there is no connection.
        var isExplained: Bool { self != .lost && self != .timeout }
    }

    /// What is wrong.
    package let cause: Cause
    /// librdkafka's own words.
    package let detail: String
    private let properties: [String: String]

    /// Understands an error that a client has reported.
    /// - Parameters:
    ///   - code: librdkafka's; `_TRANSPORT` where only the text is known.
    ///   - detail: librdkafka's words.
    ///   - properties: the client's, for what is to be changed.
    /// - Returns: `nil` for an error that says nothing of why there is no connection.
    init?(_ code: rd_kafka_resp_err_t, detail: String, properties: [String: String]) {
        guard let cause = Cause(code, detail) else { return nil }
        self.cause = cause
        self.detail = detail
        self.properties = properties
    }

    /// Cause and remedy for a person, in one line.
    package var description: String { "\(meaning); \(remedy) (librdkafka: \(detail))" }

    private var servers: String { properties["bootstrap.servers"] ?? "" }
    private var mechanism: String { properties["sasl.mechanisms"] ?? properties["sasl.mechanism"] ?? "GSSAPI" }
    private var securityProtocol: String { properties["security.protocol"] ?? "plaintext" }

    private var meaning: String {
        switch cause {
        case .unknownHost: "the name of the broker's host is unknown"
        case .refused: "nothing listens on the broker's port"
        case .unreachable: "no network leads to the broker's host"
        case .timeout: "no broker answers in time"
        case .notKafka: "what answers on this port is not Kafka"
        case .tlsExpected: "the broker closes the connection at the first word, as one does that expects TLS"
        case .tlsNotSpoken: "the broker speaks no TLS on this port"
        case .untrustedCertificate: "the broker's certificate is of an authority that is not trusted"
        case .expiredCertificate: "the broker's certificate is not valid at this time"
        case .otherHost: "the broker's certificate is of another host"
        case .clientCertificate: "the broker wants a certificate of this client"
        case .mechanism: "the broker does not take logins by \(mechanism)"
        case .login: "the broker refuses the login"
        case .lost: "the broker has closed the connection"
        }
    }

    private var remedy: String {
        switch cause {
        case .unknownHost:
            "check kafka.bootstrap.servers (\(servers)), and what the brokers call themselves (advertised.listeners)"
        case .refused: "check kafka.bootstrap.servers (\(servers)), and whether the broker runs"
        case .timeout: "check kafka.bootstrap.servers (\(servers)), firewalls, and whether the broker is overloaded"
        case .unreachable, .notKafka: "check kafka.bootstrap.servers (\(servers))"
        case .tlsExpected, .tlsNotSpoken: "check kafka.security.protocol, which is \(securityProtocol)"
        case .untrustedCertificate: "check kafka.ssl.ca.location"
        case .expiredCertificate: "renew the broker's certificate, and check this machine's clock"
        case .otherHost:
            "check the names in kafka.bootstrap.servers (\(servers)), or set kafka.ssl.endpoint.identification.algorithm"
        case .clientCertificate: "check kafka.ssl.certificate.location and kafka.ssl.key.location"
        case .mechanism: "check kafka.sasl.mechanisms, and kafka.security.protocol, which is \(securityProtocol)"
        case .login:
            "check kafka.sasl.username and kafka.sasl.password"
                + (Self.scramNote(for: properties).map { "; \($0)" } ?? "")
        case .lost:
            "it was stopped, or it expects a login and kafka.security.protocol is \(securityProtocol)"
        }
    }

    /// What is wrong with this librdkafka's logins by SCRAM; `nil` where nothing is, or where there are none.
    ///
    /// Before 2.6.1 it sends its nonce twice, which Kafka 4 refuses (https://github.com/confluentinc/librdkafka/issues/4895).
    package static func scramNote(for properties: [String: String]) -> String? {
        let mechanism = properties["sasl.mechanisms"] ?? properties["sasl.mechanism"] ?? ""
        guard mechanism.uppercased().hasPrefix("SCRAM"), Library.isOlder(than: 2, 6, 1) else { return nil }
        return
            "librdkafka \(Library.version) is in use, and Kafka 4 refuses logins by SCRAM of versions before 2.6.1, even right "
            + "ones: use a newer librdkafka, or sasl.mechanisms: PLAIN over TLS"
    }
}

extension ConnectionProblem.Cause {
    /// By librdkafka's code, and where that is one for many causes by its text.
    fileprivate init?(_ code: rd_kafka_resp_err_t, _ detail: String) {
        let text = detail.lowercased()
        func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        switch code {
        case RD_KAFKA_RESP_ERR__RESOLVE: self = .unknownHost
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: self = .timeout
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM: self = .mechanism
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: self = .login
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__TRANSPORT:
            let isInHandshake = says("state ssl_handshake", "ssl handshake failed")
            if says("resolve") {
                self = .unknownHost
            } else if says("connection refused") {
                self = .refused
            } else if says("unreachable", "no route to host") {
                self = .unreachable
            } else if says("timed out", "timeout") {
                self = .timeout
            } else if says("plaintext broker listener", "wrong version number", "packet length too long")
                || isInHandshake && says("unexpected eof", "closed by peer", "reset by peer")
            {
                self = .tlsNotSpoken
            } else if says("connecting to a ssl listener") || says("disconnected") && says("state apiversion_query") {
                self = .tlsExpected
            } else if says("certificate has expired", "not yet valid") {
                self = .expiredCertificate
            } else if says("hostname mismatch", "ip address mismatch") {
                self = .otherHost
            } else if says("certificate required", "bad certificate", "alert handshake failure") {
                self = .clientCertificate
            } else if says("certificate") {
                self = .untrustedCertificate
            } else if says("mechanism handshake failed") {
                self = .mechanism
            } else if code == RD_KAFKA_RESP_ERR__AUTHENTICATION || says("authentication error") {
                self = .login
            } else {
                self = .lost
            }
        case RD_KAFKA_RESP_ERR__BAD_MSG where says("invalid response size"): self = .notKafka
        default: return nil
        }
    }
}
