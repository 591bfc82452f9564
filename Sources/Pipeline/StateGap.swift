import Customers
import Events

/// Events that are missing from a partition's state, because the log had been cut before they were read.
package struct StateGap: Equatable, Sendable {
    /// Event time of the first event behind the cut, milliseconds; `nil` before it has come.
    package private(set) var since: Int64?

    /// - Parameter since: event time of the first event behind the cut, where that is known.
    package init(since: Int64? = nil) { self.since = since }

    /// The first event behind the cut.
    /// - Parameter clock: the partition's, before the event.
    mutating func met(eventTime: Int64, clock: Int64) {
        if since == nil { since = max(eventTime, clock) }
    }

    /// A customer who first came at this time or later lacks nothing: had there been an event before the cut, they had been
    /// forgotten since. `Int64.min` once that is so of all.
    func completeFrom(clock: Int64, timeToLiveDays: Int) -> Int64 {
        guard let since else { return .max }
        let forgotten = since + Int64(timeToLiveDays) * EventTime.millisecondsPerDay
        return isOver(clock: clock, timeToLiveDays: timeToLiveDays) ? .min : forgotten
    }

    /// Whether the longest window and the time to live have both passed since the cut. What is then left of it are the sums over
    /// the whole history of customers who were never away for so long.
    func isOver(clock: Int64, timeToLiveDays: Int) -> Bool {
        guard let since else { return false }
        return clock >= since + Int64(timeToLiveDays + Windows.longestDays) * EventTime.millisecondsPerDay
    }
}
