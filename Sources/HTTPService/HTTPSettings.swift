import Settings

/// What `config/worker.yaml` may say under `http:`.
package struct HTTPSettings: Sendable, Equatable {
    package var isEnabled = true
    /// Address that both servers listen on.
    package var host = "127.0.0.1"
    package var port = 8001
    /// Port of the page for people; `nil` for none.
    package var dashboardPort: Int? = 8501
    /// What requests must bear, if anything.
    package var token: String?
    /// Most bytes of a request's body.
    package var maxBodyBytes = 1 << 20
    /// Longest that a request may take, with all that it sends, milliseconds.
    package var timeoutMilliseconds = 10_000
    /// Requests being answered at once.
    package var maxConcurrent = 64
    /// Most events in one request.
    package var maxEvents = 10_000

    /// Connections that are open at once, on each of the two ports.
    static let maxConnections = 1024
    /// Of a request's head, bytes; and header fields.
    static let maxHeaderBytes = 32 << 10
    static let maxHeaderFieldBytes = 16 << 10
    static let maxHeaderFields = 100

    package init() {}

    /// Reads the section, and refuses what would let anybody ask whom nobody meant.
    package init(_ reader: ConfigurationReader) {
        isEnabled = reader.bool("enabled", default: isEnabled)
        host = reader.string("host", default: host)
        port = reader.int("port", default: port, in: 1...65_535)
        let dashboard = reader.int("dashboard_port", default: dashboardPort ?? 0, in: 0...65_535)
        dashboardPort = dashboard == 0 ? nil : dashboard
        let token = reader.string("token", default: "")
        self.token = token.isEmpty ? nil : token
        maxBodyBytes = reader.int("max_body", default: maxBodyBytes, in: 1024...(64 << 20))
        timeoutMilliseconds = reader.duration("timeout", default: timeoutMilliseconds, in: 100...3_600_000)
        maxConcurrent = reader.int("max_concurrent", default: maxConcurrent, in: 1...10_000)
        maxEvents = reader.int("max_events", default: maxEvents, in: 1...1_000_000)
        let isAnonymousAllowed = reader.bool("allow_anonymous", default: false)
        if host.isEmpty { reader.refuse("host", "must be an address, such as 127.0.0.1") }
        if dashboardPort == port { reader.refuse("dashboard_port", "is http.port too; give each its own") }
        if !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            reader.refuse("token", "must be of visible ASCII characters, so that a header can hold it")
        }
        if isEnabled, !isLoopback, token.isEmpty, !isAnonymousAllowed {
            reader.refuse(
                "host",
                "is not this machine's own, and no http.token is set: anybody who reaches it could read customers' data; "
                    + "set a token, or http.allow_anonymous: true")
        }
    }

    /// Whether only this machine can reach the host.
    var isLoopback: Bool { Self.isLoopback(host) }

    static func isLoopback(_ host: some StringProtocol) -> Bool {
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
