/// Why bytes are not a customer event: the field and what is wrong with it.
public struct EventError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The field's name as the shop writes it; `nil` when the message as a whole cannot be read.
    public let field: String?
    /// What is wrong, in a sentence that goes on from the field.
    public let reason: String
    /// Whether a registry's answer was the reason: the same bytes may be an event when it answers otherwise.
    package let isOfRegistry: Bool

    /// - Parameters:
    ///   - field: the field's name as the shop writes it; `nil` for the message as a whole.
    ///   - reason: what is wrong, in a sentence that goes on from the field.
    ///   - isOfRegistry: whether a registry's answer was the reason, which may be another one tomorrow.
    package init(field: String?, reason: String, isOfRegistry: Bool = false) {
        self.field = field
        self.reason = reason
        self.isOfRegistry = isOfRegistry
    }

    /// The field and the reason in one sentence.
    public var description: String { field.map { "field \"\($0)\": \(reason)" } ?? reason }
}
