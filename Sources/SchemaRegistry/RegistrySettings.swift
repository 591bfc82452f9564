/// Where a Schema Registry is and how it is spoken to.
package struct RegistrySettings: Sendable, Equatable {
    /// Addresses of one registry, the preferred one first; empty without a registry.
    package var urls: [String] = []
    /// For basic authentication.
    package var user = ""
    /// For basic authentication.
    package var password = ""
    /// A bearer token, in place of user and password.
    package var token = ""
    /// Certificates of the authorities that are trusted, in place of the machine's, in PEM.
    package var caFile = ""
    /// This client's certificate, in PEM.
    package var certificateFile = ""
    /// The key of this client's certificate, in PEM.
    package var keyFile = ""
    /// Password of the key.
    package var keyPassword = ""
    /// The longest that an answer may take.
    package var timeoutMilliseconds = 5000

    /// No registry.
    package init() {}
}
