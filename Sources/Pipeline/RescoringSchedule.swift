import Events

/// When a partition's customers are scored without an event of theirs: at every multiple of a period since 1970, in event time.
///
/// An instant is due once the partition's clock has passed it. Every customer who has bought before it is then scored as of the
/// instant, before the partition's next message, in the order of their identifiers' hashes. A customer whose own event passes an
/// instant before the partition's clock does is scored just before that event. So each has one prediction of each instant, by
/// their events up to it, wherever batches and partitions begin and end. These are the observation dates that models are
/// trained and judged by.
package struct RescoringSchedule: Equatable, Sendable {
    /// How far a partition has come.
    package struct Cursor: Comparable, Sendable {
        /// The instant that is next, or under way; milliseconds of event time.
        package let instant: Int64
        /// The customers of the buckets before this one are done.
        package let bucket: Int

        /// - Parameter bucket: see `RescoringSchedule.bucket(ofHash:)`.
        package init(instant: Int64, bucket: Int = 0) {
            self.instant = instant
            self.bucket = bucket
        }

        /// By instant, then by bucket.
        package static func < (a: Self, b: Self) -> Bool { (a.instant, a.bucket) < (b.instant, b.bucket) }
    }

    /// Customers are taken in so many parts.
    package static let buckets = 4096
    /// Most instants that are made up for, once a clock has leapt: a year of days.
    static let longestBacklog: Int64 = 366
    /// Predictions of one instant in each week are graded.
    private static let week = 7 * EventTime.millisecondsPerDay
    /// 1970 began on a Thursday; weeks begin on Monday.
    private static let firstMonday = 4 * EventTime.millisecondsPerDay

    /// Milliseconds of event time.
    package let period: Int64
    /// `nil` before the partition's clock has started.
    package private(set) var cursor: Cursor?

    /// - Parameter period: milliseconds of event time, at least 1.
    package init(period: Int64) {
        precondition(period > 0)
        self.period = period
    }

    /// The part of the customers that one belongs to.
    static func bucket(ofHash hash: UInt64) -> Int { Int(hash >> 52) }

    /// Whether customers are due, so that nothing else of the partition may be processed before them.
    /// - Parameter clock: the partition's, milliseconds.
    @inline(__always)
    func isDue(clock: Int64) -> Bool { cursor.map { $0.instant < clock } ?? false }

    /// The clock may have moved, and begins the schedule where it has not begun.
    @inline(__always)
    mutating func observe(clock: Int64) {
        guard clock > 0 else { return }
        if let cursor, clock <= cursor.instant { return }
        moved(clock)
    }

    private mutating func moved(_ clock: Int64) {
        guard let cursor else {
            self.cursor = Cursor(instant: firstInstant(notBefore: clock))
            return
        }
        let oldest = firstInstant(notBefore: clock) - Self.longestBacklog * period
        if cursor.instant < oldest { self.cursor = Cursor(instant: oldest) }
    }

    /// The schedule with the cursor that it has, or else the one that a later state of it has begun with.
    func begun(by later: Self?) -> Self {
        var begun = self
        begun.cursor = cursor ?? later?.cursor
        return begun
    }

    /// Goes on where a checkpoint was taken.
    /// - Parameters:
    ///   - cursor: the checkpoint's; `nil` where nothing was scheduled then.
    ///   - clock: the partition's, milliseconds.
    mutating func restore(_ cursor: Cursor?, clock: Int64) {
        self.cursor = cursor.map { Cursor(instant: firstInstant(notBefore: $0.instant), bucket: $0.bucket) }
        observe(clock: clock)
    }

    /// All customers of the buckets before this one are done.
    mutating func advance(toBucket bucket: Int) {
        guard let cursor else { return }
        self.cursor =
            bucket < Self.buckets
            ? Cursor(instant: cursor.instant, bucket: bucket) : Cursor(instant: cursor.instant + period)
    }

    /// The instants that a customer's own event passes before the partition's clock has; none for one that is so far ahead that
    /// its date is rather wrong.
    /// - Parameters:
    ///   - last: the customer's clock, milliseconds.
    ///   - time: of the event, milliseconds.
    func instants(after last: Int64, before time: Int64) -> [Int64] {
        let first = firstInstant(notBefore: max(last, cursor?.instant ?? last))
        guard first < time, (time - first) / period < Self.longestBacklog else { return [] }
        return Array(stride(from: first, to: time, by: Int64.Stride(period)))
    }

    /// Whether the predictions of an instant are joined with their labels: those of the first instant of each week, as a customer's
    /// predictions of the days between tell little more.
    func isGraded(_ instant: Int64) -> Bool {
        let sinceMonday = (instant - Self.firstMonday) % Self.week
        return sinceMonday >= 0 && sinceMonday < period
    }

    private func firstInstant(notBefore time: Int64) -> Int64 {
        let past = time % period
        return past == 0 ? time : time - past + (past > 0 ? period : 0)
    }
}
