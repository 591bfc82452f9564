import Foundation
import Logging
import Synchronization

/// Log lines on standard error, for people or as JSON objects, of which none is written more than so often a second.
package struct LineLogHandler: LogHandler {
    package enum Format: String, CaseIterable, Sendable {
        case text, json
    }

    package var metadata: Logger.Metadata = [:]
    package var logLevel = Logger.Level.info
    private let label: String
    private let format: Format
    private let limit: LineLimit
    private let write: @Sendable (String) -> Void

    /// - Parameter limit: shared by all handlers of a program.
    package init(
        label: String, format: Format, limit: LineLimit,
        write: @escaping @Sendable (String) -> Void = { FileHandle.standardError.write(Data($0.utf8)) }
    ) {
        self.label = label
        self.format = format
        self.limit = limit
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

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
            // The line's own names come last: nothing in the metadata can pass for them.
            var object = all.mapValues { "\($0)" }
            object["time"] = time
            object["level"] = event.level.rawValue
            object["logger"] = label
            object["message"] = "\(event.message)"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let line = try? encoder.encode(object) else { return }
            write(String(decoding: line, as: UTF8.self) + "\n")
        }
    }

    /// What comes from outside must not begin a line of its own.
    private static func oneLine(_ text: String) -> String {
        text.contains { $0.isNewline } ? text.map { $0.isNewline ? "\\n" : String($0) }.joined() : text
    }
}

/// Lets the same line through so many times a second, and counts what it held back.
package final class LineLimit: Sendable {
    private struct Line {
        var second: Int
        var passed = 0
        var suppressed = 0
    }

    /// Different lines that are remembered.
    private static let linesLimit = 1000
    private let perSecond: Int
    private let now: @Sendable () -> Int
    private let lines = Mutex<[String: Line]>([:])

    /// - Parameter now: in seconds.
    package init(perSecond: Int, now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }) {
        self.perSecond = perSecond
        self.now = now
    }

    /// - Returns: how many such lines have been held back since the last one; `nil` for one that is held back.
    package func pass(_ line: String) -> Int? {
        let second = now()
        return lines.withLock { lines in
            if lines.count >= Self.linesLimit {
                lines = lines.filter { $0.value.second == second }
                // So many different ones within a second: better some twice than all of them for ever.
                if lines.count >= Self.linesLimit { lines = [:] }
            }
            var entry = lines[line] ?? Line(second: second)
            if entry.second != second {
                entry.second = second
                entry.passed = 0
            }
            defer { lines[line] = entry }
            guard entry.passed < perSecond else {
                entry.suppressed += 1
                return nil
            }
            entry.passed += 1
            defer { entry.suppressed = 0 }
            return entry.suppressed
        }
    }
}
