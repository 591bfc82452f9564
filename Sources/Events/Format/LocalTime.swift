import Foundation

/// Turns dates and times of a time zone into instants. Belongs to one thread.
///
/// Of two instants that a clock shows the same for, when it is set back, the first is meant. A time that a clock skips, when it
/// is set forward, is as long after the skip as it was meant to be.
final class LocalTime {
    private let zone: TimeZone
    private let isUTC: Bool
    /// The day, in local days since 1970, whose offset is known, and the offset in milliseconds.
    private var known: (day: Int64, offset: Int64)?

    /// Of UTC.
    static var utc: LocalTime { LocalTime("UTC").unsafelyUnwrapped }

    /// - Returns: `nil` for an unknown time zone.
    init?(_ identifier: String) {
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        self.zone = zone
        isUTC = ["UTC", "Etc/UTC", "GMT", "Z"].contains(identifier)
    }

    /// The instant at which the zone's clocks show a time.
    /// - Parameter local: milliseconds since 1970, as if the time were in UTC.
    /// - Returns: milliseconds since 1970 UTC; `nil` outside 1970 to 9999.
    @inline(__always)
    func instant(ofLocal local: Int64) -> Int64? { isUTC ? local : converted(local) }

    private func converted(_ local: Int64) -> Int64? {
        let instant = local - offset(ofLocal: local)
        return (0...EventTime.latest).contains(instant) ? instant : nil
    }

    private func offset(ofLocal local: Int64) -> Int64 {
        let day = Int64(EventTime.millisecondsPerDay)
        if let known, known.day == local / day { return known.offset }
        let midnight = local / day * day
        // No offset is longer than a day, and none changes twice in three days.
        let (before, after) = (offset(at: midnight - day), offset(at: midnight + 2 * day))
        if before == after {
            known = (local / day, before)
            return before
        }
        if offset(at: local - before) == before { return before }
        return offset(at: local - after) == after ? after : before
    }

    private func offset(at instant: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant) / 1000))) * 1000
    }
}
