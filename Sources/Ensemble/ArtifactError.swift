/// A model artifact or model file that cannot be read, written or used.
package struct ArtifactError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file or directory.
    package let path: String
    /// What is wrong with it, and what to do about it.
    package let reason: String

    /// - Parameters:
    ///   - path: the file or directory.
    ///   - reason: continues a sentence that begins with the path.
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// The path and the reason, for a log line.
    package var description: String { "\(path): \(reason)" }
}
