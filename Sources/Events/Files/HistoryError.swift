/// A history that cannot be read: where, why, and what to do about it.
package struct HistoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file; `-` is standard input.
    package let path: String
    /// 1-based line at which the bad record starts; `nil` when the file as a whole is meant.
    package let line: Int?
    /// What is wrong, in a sentence that goes on from the path.
    package let reason: String

    /// - Parameters:
    ///   - path: the file; `-` is standard input.
    ///   - line: 1-based; `nil` when the file as a whole is meant.
    ///   - reason: what is wrong, in a sentence that goes on from the path.
    package init(path: String, line: Int? = nil, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// `path:line: reason`.
    package var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(reason)" }
}
