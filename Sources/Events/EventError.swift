/// Why bytes are not a customer event: which field, and what is wrong with it.
public struct EventError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The field's name as the shop writes it; `nil` when the message as a whole cannot be read.
    public let field: String?
    public let reason: String

    public init(field: String?, reason: String) {
        self.field = field
        self.reason = reason
    }

    public var description: String { field.map { "field \"\($0)\": \(reason)" } ?? reason }
}
