/// Everything wrong with a configuration, found in one pass.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One thing to fix, and where it is written.
    package struct Problem: Sendable, Equatable, CustomStringConvertible {
        package let origin: ConfigurationOrigin
        package let message: String

        /// `place: message`, always one line: outside text cannot break out of it, since control characters are escaped.
        package var description: String {
            "\(origin): \(message)".unicodeScalars.reduce(into: "") { line, scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
                default: line.unicodeScalars.append(scalar)
                }
            }
        }
    }

    /// Never empty.
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
