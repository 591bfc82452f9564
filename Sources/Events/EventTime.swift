/// Instants of event time: milliseconds since 1970-01-01 00:00 UTC, from the year 1970 to the year 9999.
///
/// Calendar arithmetic after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), and, from days to dates,
/// Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms" (2022).
public enum EventTime {
    /// Milliseconds of a day.
    public static let millisecondsPerDay: Int64 = 86_400_000
    /// The last instant: 9999-12-31T23:59:59.999Z.
    public static let latest: Int64 = 253_402_300_799_999

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    package static func day(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Year, month (1...12) and day (1...31) of a day since 1970-01-01.
    /// - Precondition: `day` is from 0 to that of `latest`.
    public static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        // Days since 0000-03-01: years begin in March, so that the leap day is the last day of a year.
        let quarters = 4 * UInt32(day + 719_468) + 3
        let century = quarters / 146_097
        // The fractional part of a fixed-point product gives the day of the year, and below that of the month.
        let year = UInt64(2_939_745) * UInt64(quarters % 146_097 | 3)
        let dayOfYear = UInt32(truncatingIfNeeded: year) / 2_939_745 / 4
        let month = 2141 * dayOfYear + 197_913
        let isNextYear = dayOfYear >= 306
        return (
            Int(100 * century) + Int(year >> 32) + (isNextYear ? 1 : 0), Int(month >> 16) - (isNextYear ? 12 : 0),
            Int((month & 0xFFFF) / 2141) + 1
        )
    }

    /// The UTC day of an instant, in days since 1970-01-01.
    @inlinable
    public static func day(of milliseconds: Int64) -> Int32 { Int32(milliseconds / millisecondsPerDay) }

    /// Day of the week of a UTC day: Monday is 0, Sunday 6.
    @inlinable
    public static func weekday(ofDay day: Int32) -> Int { Int((day &+ 3) % 7) }

    /// Parses ISO 8601 (`2010-12-01T08:26:00Z`, also with a space, a fraction, `±HH:MM`, or the date alone).
    /// - Returns: milliseconds; `nil` for anything else and for times outside 1970 to 9999.
    package static func parseISO8601(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        parseSeconds(bytes) ?? parseAnyISO8601(bytes)?.instant
    }

    /// The same, and whether the text says which zone it is of. Where it does not, the instant is as if it were UTC.
    static func parseISO8601WithOffset(_ bytes: UnsafeRawBufferPointer) -> (instant: Int64, hasOffset: Bool)? {
        parseSeconds(bytes).map { ($0, bytes.count == 20) } ?? parseAnyISO8601(bytes)
    }

    /// The fast path for the notation that most producers write: `YYYY-MM-DD HH:MM:SS`, also with `T` and `Z`.
    /// - Returns: nil for anything else.
    @inline(__always)
    static func parseSeconds(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        let count = bytes.count
        guard count == 19 || (count == 20 && bytes[19] == UInt8(ascii: "Z")) else { return nil }
        guard bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[13] == UInt8(ascii: ":"),
            bytes[16] == UInt8(ascii: ":"), bytes[10] == UInt8(ascii: " ") || bytes[10] == UInt8(ascii: "T")
        else { return nil }
        // YYYYMMDD and 00HHMMSS, the separators left out.
        let date =
            UInt64(bytes.halfWord(0)) | UInt64(bytes[5]) &<< 32 | UInt64(bytes[6]) &<< 40 | UInt64(bytes[8]) &<< 48
            | UInt64(bytes[9]) &<< 56
        let clock =
            0x3030 | UInt64(bytes[11]) &<< 16 | UInt64(bytes[12]) &<< 24 | UInt64(bytes[14]) &<< 32
            | UInt64(bytes[15]) &<< 40 | UInt64(bytes[17]) &<< 48 | UInt64(bytes[18]) &<< 56
        guard let ymd = WordScan.digits(date), let hms = WordScan.digits(clock) else { return nil }
        let (hour, minute, second) = (Int(hms / 10_000), Int(hms / 100 % 100), Int(hms % 100))
        guard hour < 24, minute < 60, second < 60 else { return nil }
        return instant(
            year: Int(ymd / 10_000), month: Int(ymd / 100 % 100), day: Int(ymd % 100),
            milliseconds: ((hour * 60 + minute) * 60 + second) * 1000)
    }

    static func parseAnyISO8601(_ bytes: UnsafeRawBufferPointer) -> (instant: Int64, hasOffset: Bool)? {
        var digits = Digits(bytes)
        guard let year = digits.fixed(4), digits.skip("-"), let month = digits.fixed(2), digits.skip("-"),
            let day = digits.fixed(2)
        else { return nil }
        var milliseconds = 0
        var offsetMinutes = 0
        var hasOffset = false
        if !digits.isAtEnd {
            guard digits.skip("T") || digits.skip(" ") || digits.skip("t"), let clock = digits.clock(hourDigits: 2)
            else { return nil }
            milliseconds = clock
            if digits.skip(".") || digits.skip(",") {
                guard let fraction = digits.fractionMilliseconds() else { return nil }
                milliseconds += fraction
            }
            hasOffset = !digits.isAtEnd
            if !digits.skip("Z"), !digits.skip("z"), !digits.isAtEnd {
                let sign = digits.skip("+") ? 1 : digits.skip("-") ? -1 : 0
                guard sign != 0, let hours = digits.fixed(2), hours < 24 else { return nil }
                _ = digits.skip(":")
                guard let minutes = digits.fixed(2), minutes < 60 else { return nil }
                offsetMinutes = sign * (hours * 60 + minutes)
            }
        }
        guard digits.isAtEnd else { return nil }
        return instant(year: year, month: month, day: day, milliseconds: milliseconds - offsetMinutes * 60_000)
            .map { ($0, hasOffset) }
    }

    /// The instant of a date and of milliseconds since its midnight; `nil` for a date that is none or lies outside 1970 to 9999.
    static func instant(year: Int, month: Int, day: Int, milliseconds: Int) -> Int64? {
        guard (1...12).contains(month), day >= 1, day <= daysOfMonth(month, year) else { return nil }
        let days = self.day(year: year, month: month, day: day)
        let instant = Int64(days) * millisecondsPerDay + Int64(milliseconds)
        return (0...latest).contains(instant) ? instant : nil
    }

    private static func daysOfMonth(_ month: Int, _ year: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }

    /// Appends `2010-12-01T08:26:00Z`, with a fraction only if the milliseconds are not 0.
    /// - Parameter instant: from 0 to `latest`.
    package static func appendISO8601(_ instant: Int64, to out: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: longestText) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let count = writeISO8601(instant, to: start) - start
            out.append(contentsOf: text[..<count])
        }
    }

    /// The memory that `writeISO8601` needs, in bytes.
    public static let longestText = 32

    /// Writes what `appendISO8601` appends into memory with room for `longestText` bytes.
    /// - Parameter instant: from 0 to `latest`.
    /// - Returns: the address behind the last byte.
    public static func writeISO8601(_ instant: Int64, to out: UnsafeMutablePointer<UInt8>)
        -> UnsafeMutablePointer<UInt8>
    {
        let date = date(ofDay: Int(instant / millisecondsPerDay))
        let clock = Int(instant % millisecondsPerDay)
        let seconds = clock / 1000
        let ymd = ShortestDecimal.digits8(UInt32(truncatingIfNeeded: (date.year * 100 + date.month) * 100 + date.day))
        let hms = ShortestDecimal.digits8(
            UInt32(truncatingIfNeeded: (seconds / 3600 * 100 + seconds / 60 % 60) * 100 + seconds % 60))
        func put(_ digits: UInt64, _ from: Int, _ count: Int, at place: Int) {
            for index in 0..<count {
                out[place + index] = UInt8(truncatingIfNeeded: digits &>> UInt64(8 * (from + index)))
            }
        }
        put(ymd, 0, 4, at: 0)
        out[4] = UInt8(ascii: "-")
        put(ymd, 4, 2, at: 5)
        out[7] = UInt8(ascii: "-")
        put(ymd, 6, 2, at: 8)
        out[10] = UInt8(ascii: "T")
        put(hms, 2, 2, at: 11)
        out[13] = UInt8(ascii: ":")
        put(hms, 4, 2, at: 14)
        out[16] = UInt8(ascii: ":")
        put(hms, 6, 2, at: 17)
        var end = out + 19
        let milliseconds = clock % 1000
        if milliseconds != 0 {
            end[0] = UInt8(ascii: ".")
            put(ShortestDecimal.digits8(UInt32(truncatingIfNeeded: milliseconds)), 5, 3, at: 20)
            end += 4
        }
        end[0] = UInt8(ascii: "Z")
        return end + 1
    }

    /// An instant as ISO 8601 text.
    package static func text(_ instant: Int64) -> String {
        var out: [UInt8] = []
        appendISO8601(instant, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Parses an ISO 8601 text, as from a command line.
    /// - Returns: milliseconds; `nil` for anything else and for times outside 1970 to 9999.
    package static func parse(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { parseISO8601(UnsafeRawBufferPointer($0)) }
    }
}
