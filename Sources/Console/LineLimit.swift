import Foundation
import Synchronization

/// Limits how often the same line is written within a second, and counts the suppressed ones.
package final class LineLimit: Sendable {
    private struct Line {
        var second: Int
        var passed = 0
        var suppressed = 0
    }

    /// The most different lines that are remembered.
    private static let linesLimit = 1000
    private let perSecond: Int
    private let now: @Sendable () -> Int
    private let lines = Mutex<[String: Line]>([:])

    /// Makes a limit.
    ///
    /// - Parameters:
    ///   - perSecond: How often the same line is written within one second of the clock.
    ///   - now: The time in seconds.
    package init(perSecond: Int, now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }) {
        self.perSecond = perSecond
        self.now = now
    }

    /// Decides about one line.
    ///
    /// - Returns: How many equal lines have been suppressed since the last one that was written; `nil` if this one is
    ///   suppressed too.
    /// - Complexity: One look-up in a table under a lock.
    package func pass(_ line: String) -> Int? {
        let second = now()
        return lines.withLock { lines in
            if lines.count >= Self.linesLimit {
                lines = lines.filter { $0.value.second == second }
                // More different lines than that within one second: forget the counts rather than grow without bound.
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
