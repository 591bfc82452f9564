/// History that cannot be trained on as it is.
package struct DataError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong with the data, where, and what to do about it.
    package let description: String

    /// - Parameter description: a sentence for the operator.
    package init(_ description: String) { self.description = description }
}
