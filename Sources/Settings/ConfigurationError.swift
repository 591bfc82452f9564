/// Everything wrong with a configuration, found in one pass.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One thing to fix, and where it is written.
    package struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// Where the mistake is written.
        package let origin: ConfigurationOrigin
        /// What is wrong, and how to fix it.
        package let message: String

        /// `place: message`, always one line: control characters are escaped, so that a value cannot forge log lines.
        package var description: String {
            "\(origin): \(message)".unicodeScalars.reduce(into: "") { line, scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
                default: line.unicodeScalars.append(scalar)
                }
            }
        }
    }

    /// At least one, in the order of the layers.
    package let problems: [Problem]

    /// All the problems, one a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }

    init(_ problems: [Problem]) {
        self.problems = problems
    }

    init(_ origin: ConfigurationOrigin, _ message: String) {
        self.init([Problem(origin: origin, message: message)])
    }
}
