import Foundation
import Logging

/// Writes log lines to standard error, as text or as JSON objects, and limits how often the same line is written.
package struct LineLogHandler: LogHandler {
    /// How a line is written.
    package enum Format: String, CaseIterable, Sendable {
        /// Time, level, logger and message, then the metadata as `key=value`.
        case text
        /// One object a line; numbers are numbers.
        case json
    }

    /// Metadata of every line of this logger.
    package var metadata: Logger.Metadata = [:]
    /// Less severe lines are dropped.
    package var logLevel = Logger.Level.info
    private let label: String
    private let format: Format
    private let limit: LineLimit
    private let write: @Sendable (String) -> Void

    /// Makes the handler of one logger.
    ///
    /// - Parameters:
    ///   - label: The logger's name.
    ///   - format: How a line is written.
    ///   - limit: The limit of repeated lines, shared by all handlers of a program.
    ///   - write: Takes each finished line, newline included; standard error by default, where lines may be lost.
    package init(
        label: String, format: Format, limit: LineLimit,
        write: @escaping @Sendable (String) -> Void = { writeToStandardError($0) }
    ) {
        self.label = label
        self.format = format
        self.limit = limit
        self.write = write
    }

    /// One value of `metadata`.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line, unless the limit suppresses it.
    package func log(event: LogEvent) {
        guard let suppressed = limit.pass("\(event.level) \(event.message)") else { return }
        var all = metadata.merging(event.metadata ?? [:]) { $1 }
        if let error = event.error { all["error"] = "\(error)" }
        if suppressed > 0 { all["suppressed"] = "\(suppressed)" }
        let time = Date().ISO8601Format(.init(includingFractionalSeconds: true))
        switch format {
        case .text:
            let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.oneLine("\($0.value)"))" }
            let tail = pairs.isEmpty ? "" : " " + pairs.joined(separator: " ")
            write("\(time) \(event.level) \(label): \(Self.oneLine("\(event.message)"))\(tail)\n")
        case .json:
            // The line's own names are set last, so that metadata cannot replace them.
            var object = all.mapValues { JSONLogValue($0) }
            object["time"] = .text(time)
            object["level"] = .text(event.level.rawValue)
            object["logger"] = .text(label)
            object["message"] = .text("\(event.message)")
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let line = try? encoder.encode(object) else { return }
            write(String(decoding: line, as: UTF8.self) + "\n")
        }
    }

    /// Escapes newlines, so that text from outside cannot forge a log line.
    private static func oneLine(_ text: String) -> String {
        text.contains { $0.isNewline } ? text.map { $0.isNewline ? "\\n" : String($0) }.joined() : text
    }
}

/// A metadata value in a JSON log line.
private enum JSONLogValue: Encodable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case array([JSONLogValue])
    case object([String: JSONLogValue])

    /// Numbers and flags that were given as such stay so; anything else is its text.
    init(_ value: Logger.MetadataValue) {
        switch value {
        case .stringConvertible(let value as any BinaryInteger):
            self = Int64(exactly: value).map { .integer($0) } ?? .text("\(value)")
        case .stringConvertible(let value as Double) where value.isFinite: self = .number(value)
        case .stringConvertible(let value as Bool): self = .flag(value)
        case .array(let values): self = .array(values.map { JSONLogValue($0) })
        case .dictionary(let values): self = .object(values.mapValues { JSONLogValue($0) })
        case .string, .stringConvertible: self = .text("\(value)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
