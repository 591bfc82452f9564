/// The result of one data check.
package struct Finding: Equatable, Sendable {
    /// How bad it is.
    package enum Severity: String, Sendable {
        /// Within the limit.
        case pass
        /// Beyond half of the limit; the job goes on.
        case warning
        /// Beyond the limit; nothing is trained.
        case error
    }

    /// How bad it is.
    package let severity: Severity
    /// The check's name, as in the configuration.
    package let check: String
    /// What was found, where, and what is allowed.
    package let text: String
}
