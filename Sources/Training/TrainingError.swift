/// Why training or evaluation cannot go on, and what to do.
package struct TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, and what to do about it.
    package let description: String

    /// - Parameter description: a sentence for the operator.
    package init(_ description: String) { self.description = description }
}
