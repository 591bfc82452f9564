import Settings

/// The section `http:` of the worker's configuration.
package struct HTTPSettings: Sendable, Equatable {
    /// Whether the service is started.
    package var isEnabled = true
    /// The address that both servers listen on.
    package var host = "127.0.0.1"
    /// The port of the API.
    package var port = 8001
    /// The port of the dashboard; `nil` for none.
    package var dashboardPort: Int? = 8501
    /// The bearer token that requests must carry; `nil` for none.
    package var token: String?
    /// The largest body of a request, in bytes.
    package var maxBodyBytes = 1 << 20
    /// The longest that a request may take, from its head to the end of its answer, in milliseconds.
    package var timeoutMilliseconds = 10_000
    /// The most requests that are answered at once.
    package var maxConcurrent = 64
    /// The most events in one request.
    package var maxEvents = 10_000

    /// The most connections that are open at once, on each of the two ports.
    static let maxConnections = 1024
    /// Limits of a request's head: bytes of all fields, bytes of one field, and number of fields.
    static let maxHeaderBytes = 32 << 10
    static let maxHeaderFieldBytes = 16 << 10
    static let maxHeaderFields = 100

    /// The defaults.
    package init() {}

    /// Reads the section; bad values are reported through the reader.
    ///
    /// Without a token it refuses an address that others can reach, unless `allow_anonymous` is set.
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

    /// Whether `host` can be reached from this machine only.
    var isLoopback: Bool { Self.isLoopback(host) }

    static func isLoopback(_ host: some StringProtocol) -> Bool {
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
