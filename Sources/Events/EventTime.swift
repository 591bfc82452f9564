/// Instants of event time: milliseconds since 1970-01-01 00:00 UTC, from the year 1970 to the year 9999.
///
/// Calendar arithmetic after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013).
public enum EventTime {
    public static let millisecondsPerDay: Int64 = 86_400_000
    /// 9999-12-31T23:59:59.999Z
    public static let latest: Int64 = 253_402_300_799_999

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    public static func day(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Year, month (1...12) and day (1...31) of a day since 1970-01-01.
    public static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let z = day + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    /// The UTC day that an instant lies in, in days since 1970-01-01.
    @inlinable
    public static func day(of milliseconds: Int64) -> Int32 { Int32(milliseconds / millisecondsPerDay) }

    /// Day of the week of a UTC day: Monday is 0, Sunday 6.
    @inlinable
    public static func weekday(ofDay day: Int32) -> Int { Int((day &+ 3) % 7) }

    /// ISO 8601 (`2010-12-01T08:26:00Z`, also with a space, a fraction, `±HH:MM`, or the date alone).
    /// - Returns: milliseconds; `nil` when it is no such time or lies outside 1970 to 9999.
    public static func parseISO8601(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var digits = Digits(bytes)
        guard let year = digits.fixed(4), digits.skip("-"), let month = digits.fixed(2), digits.skip("-"),
            let day = digits.fixed(2)
        else { return nil }
        var milliseconds = 0
        var offsetMinutes = 0
        if !digits.isAtEnd {
            guard digits.skip("T") || digits.skip(" ") || digits.skip("t"), let clock = digits.clock(hourDigits: 2)
            else { return nil }
            milliseconds = clock
            if digits.skip(".") || digits.skip(",") {
                guard let fraction = digits.fractionMilliseconds() else { return nil }
                milliseconds += fraction
            }
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
    }

    /// UCI's own notation, `M/D/YYYY H:MM`.
    public static func parseMonthDayYear(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var digits = Digits(bytes)
        guard let month = digits.upTo(2), digits.skip("/"), let day = digits.upTo(2), digits.skip("/"),
            let year = digits.fixed(4), digits.skip(" "), let clock = digits.clock(hourDigits: nil), digits.isAtEnd
        else { return nil }
        return instant(year: year, month: month, day: day, milliseconds: clock)
    }

    private static func instant(year: Int, month: Int, day: Int, milliseconds: Int) -> Int64? {
        guard (1...12).contains(month), day >= 1 else { return nil }
        let days = self.day(year: year, month: month, day: day)
        let date = date(ofDay: days)
        guard date.month == month, date.day == day else { return nil }
        let instant = Int64(days) * millisecondsPerDay + Int64(milliseconds)
        return (0...latest).contains(instant) ? instant : nil
    }

    /// Appends `2010-12-01T08:26:00Z`; milliseconds only where there are some.
    public static func appendISO8601(_ instant: Int64, to out: inout [UInt8]) {
        func pad(_ value: Int, _ width: Int) {
            var unit = 1
            for _ in 1..<width { unit *= 10 }
            while unit > 0 {
                out.append(UInt8(48 + value / unit % 10))
                unit /= 10
            }
        }
        let date = date(ofDay: Int(instant / millisecondsPerDay))
        let clock = Int(instant % millisecondsPerDay)
        pad(date.year, 4)
        out.append(UInt8(ascii: "-"))
        pad(date.month, 2)
        out.append(UInt8(ascii: "-"))
        pad(date.day, 2)
        out.append(UInt8(ascii: "T"))
        pad(clock / 3_600_000, 2)
        out.append(UInt8(ascii: ":"))
        pad(clock / 60_000 % 60, 2)
        out.append(UInt8(ascii: ":"))
        pad(clock / 1000 % 60, 2)
        if clock % 1000 != 0 {
            out.append(UInt8(ascii: "."))
            pad(clock % 1000, 3)
        }
        out.append(UInt8(ascii: "Z"))
    }

    /// An instant as ISO 8601 text.
    public static func text(_ instant: Int64) -> String {
        var out: [UInt8] = []
        appendISO8601(instant, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// An ISO 8601 text as milliseconds, as on a command line.
    public static func parse(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { parseISO8601(UnsafeRawBufferPointer($0)) }
    }
}

/// A cursor over digits and separators.
private struct Digits {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func skip(_ separator: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: separator) else { return false }
        at += 1
        return true
    }

    mutating func upTo(_ most: Int) -> Int? {
        var value = 0
        var count = 0
        while count < most, at < bytes.count, bytes[at] &- 48 < 10 {
            value = value * 10 + Int(bytes[at] &- 48)
            at += 1
            count += 1
        }
        return count > 0 ? value : nil
    }

    mutating func fixed(_ width: Int) -> Int? {
        let start = at
        guard let value = upTo(width), at - start == width else { return nil }
        return value
    }

    /// `HH:MM` or `HH:MM:SS`, in milliseconds since midnight.
    mutating func clock(hourDigits: Int?) -> Int? {
        guard let hour = hourDigits.map({ fixed($0) }) ?? upTo(2), hour < 24, skip(":"), let minute = fixed(2),
            minute < 60
        else { return nil }
        var second = 0
        if skip(":") {
            guard let seconds = fixed(2), seconds < 60 else { return nil }
            second = seconds
        }
        return (hour * 3600 + minute * 60 + second) * 1000
    }

    /// Digits after the point; what is finer than a millisecond is cut off.
    mutating func fractionMilliseconds() -> Int? {
        var value = 0
        var count = 0
        while at < bytes.count, bytes[at] &- 48 < 10 {
            if count < 3 { value = value * 10 + Int(bytes[at] &- 48) }
            count += 1
            at += 1
        }
        guard count > 0 else { return nil }
        for _ in min(count, 3)..<3 { value *= 10 }
        return value
    }
}
