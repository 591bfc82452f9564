import Logging
import Settings

/// What `config/worker.yaml` may say under `logs:`.
package struct LogSettings: Sendable {
    package var format = LineLogHandler.Format.text
    /// Lines of the same level and message a second.
    package var maxPerSecond = 10

    package init() {}

    package init(_ reader: ConfigurationReader) {
        format = reader.choice("format", default: format)
        maxPerSecond = reader.int("max_per_second", default: maxPerSecond, in: 1...1_000_000)
    }

    /// Makes all loggers of the program write so.
    package func bootstrap() {
        let (format, limit) = (format, LineLimit(perSecond: maxPerSecond))
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, limit: limit) }
    }
}
