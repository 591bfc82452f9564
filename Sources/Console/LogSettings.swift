import Logging
import Settings

/// The section `logs:` of the worker's configuration.
package struct LogSettings: Sendable {
    /// How a line is written.
    package var format = LineLogHandler.Format.text
    /// The most lines of the same level and message that are written in a second.
    package var maxPerSecond = 10

    /// The defaults.
    package init() {}

    /// Reads the section; bad values are reported through the reader.
    package init(_ reader: ConfigurationReader) {
        format = reader.choice("format", default: format)
        maxPerSecond = reader.int("max_per_second", default: maxPerSecond, in: 1...1_000_000)
    }

    /// Makes all loggers of the program write this way. Call it once, before the first logger is made.
    package func bootstrap() {
        let (format, limit) = (format, LineLimit(perSecond: maxPerSecond))
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, limit: limit) }
    }
}
