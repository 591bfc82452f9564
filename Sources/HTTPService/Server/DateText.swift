import Events
import Foundation
import Synchronization

/// The value of the header `Date`, formatted at most once a second (RFC 9110, section 5.6.7).
///
/// Hummingbird has the same as `DateCache`, which is not public.
final class DateText: Sendable {
    private let latest = Mutex<(second: Int, text: String)>((-1, ""))

    /// The current time, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    var now: String {
        let second = time(nil)
        return latest.withLock { latest in
            if latest.second != second { latest = (second, Self.text(second)) }
            return latest.text
        }
    }

    /// Formats a time in seconds since 1970.
    static func text(_ second: Int) -> String {
        let day = Int32(second / 86_400)
        let date = EventTime.date(ofDay: Int(day))
        let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = second % 86_400
        return "\(weekdays[EventTime.weekday(ofDay: day)]), \(two(date.day)) \(months[date.month - 1]) \(date.year) "
            + "\(two(clock / 3600)):\(two(clock / 60 % 60)):\(two(clock % 60)) GMT"
    }
}
