import Events
import Foundation

/// A number with so many digits behind the point.
func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// JSON with sorted keys: the same bytes for the same value.
func encoded(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    return Array(try encoder.encode(value)) + [0x0A]
}

/// The date of a day counted from 1970, `2011-12-09`.
func dateText(day: Int) -> String {
    dateText(Int64(day) * EventTime.millisecondsPerDay)
}

/// The date of an instant, milliseconds since 1970: `2011-12-09`.
func dateText(_ time: Int64) -> String { String(EventTime.text(time).prefix(10)) }
