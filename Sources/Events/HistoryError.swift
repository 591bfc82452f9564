/// A history that cannot be read: where, why, and what to do about it.
public struct HistoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file; `-` is standard input.
    public let path: String
    /// 1-based line at which the bad record starts; `nil` when the file as a whole is meant.
    public let line: Int?
    public let reason: String

    public init(path: String, line: Int? = nil, reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    public var description: String { "\(path)\(line.map { ":\($0)" } ?? ""): \(reason)" }
}
