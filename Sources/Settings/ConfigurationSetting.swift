/// The value in force for a key that was read, fit for a log.
package struct ConfigurationSetting: Sendable, Equatable {
    /// The dotted path, such as `input.topic`.
    package let key: String
    /// The value as written, or `[redacted]` when the key looks like a secret's.
    package let value: String
    /// The layer that the value is from.
    package let origin: ConfigurationOrigin

    init(key: String, value: String, origin: ConfigurationOrigin) {
        self.key = key
        self.value = Self.redact(value, of: key)
        self.origin = origin
    }

    /// Hides the values of keys that may name a secret; also harmless ones such as `input.key_field`.
    static func redact(_ value: String, of key: String) -> String {
        let key = key.lowercased()
        return ["password", "secret", "token", "key"].contains(where: key.contains) ? "[redacted]" : value
    }
}
