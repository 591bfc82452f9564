/// Why bytes are not a customer event: the field and what is wrong with it.
public struct EventError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The field's name as the shop writes it; `nil` when the message as a whole cannot be read.
    public let field: String?
    /// What is wrong, in a sentence that goes on from the field.
    public let reason: String

    /// - Parameters:
    ///   - field: the field's name as the shop writes it; `nil` for the message as a whole.
    ///   - reason: what is wrong, in a sentence that goes on from the field.
    package init(field: String?, reason: String) {
        self.field = field
        self.reason = reason
    }

    /// The field and the reason in one sentence.
    public var description: String { field.map { "field \"\($0)\": \(reason)" } ?? reason }
}
