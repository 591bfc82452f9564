/// How event times are written.
package enum TimeNotation: Sendable, Equatable {
    /// ISO 8601, or milliseconds since 1970 as a number: read only where that leaves one reading.
    case automatic
    /// ISO 8601 alone.
    case iso8601
    /// A number since 1970, in units of so many nanoseconds.
    case epoch(nanoseconds: Int64)
    /// Texts in a pattern of a shop's own.
    case pattern(TimePattern)

    /// The words for the notations that have one.
    static let words: [(word: String, notation: TimeNotation)] = [
        ("auto", .automatic), ("iso8601", .iso8601), ("epoch_s", .epoch(nanoseconds: 1_000_000_000)),
        ("epoch_ms", .epoch(nanoseconds: 1_000_000)), ("epoch_us", .epoch(nanoseconds: 1000)),
        ("epoch_ns", .epoch(nanoseconds: 1)),
    ]

    /// What configurations may say, for error messages.
    package static let expected =
        words.map(\.word).joined(separator: ", ") + ", or a pattern such as dd/MM/yyyy HH:mm"

    /// - Returns: `nil` for what is neither a word nor a pattern with at least year, month and day.
    package init?(_ text: String) {
        if let known = Self.words.first(where: { $0.word == text }) {
            self = known.notation
        } else if let pattern = TimePattern(text) {
            self = .pattern(pattern)
        } else {
            return nil
        }
    }

    /// As configurations write it.
    package var description: String {
        if case .pattern(let pattern) = self { return pattern.text }
        return Self.words.first { $0.notation == self }?.word ?? ""
    }
}

/// A pattern of dates and times in the letters of Unicode's date format patterns (UTS #35): `yyyy`, `yy`, `M`, `MM`, `MMM`
/// (English), `d`, `dd`, `H`, `HH`, `h`, `hh`, `a`, `m`, `mm`, `s`, `ss` and `S` for fractions. Other letters stand between
/// apostrophes.
package struct TimePattern: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case year(digits: Int)
        case month
        case monthName
        case day
        case hour
        case hourOfHalf
        case half
        case minute
        case second
        case fraction
        case literal(UInt8)
    }

    /// As it was written.
    package let text: String
    private let parts: [Part]

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ].map { Array($0.utf8) }

    init?(_ text: String) {
        self.text = text
        var parts: [Part] = []
        var rest = Array(text.utf8)[...]
        var isQuoted = false
        while let byte = rest.first {
            if byte == UInt8(ascii: "'") {
                isQuoted.toggle()
                rest = rest.dropFirst()
                continue
            }
            let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            guard isLetter, !isQuoted else {
                parts.append(.literal(byte))
                rest = rest.dropFirst()
                continue
            }
            let count = rest.prefix { $0 == byte }.count
            rest = rest.dropFirst(count)
            switch (Character(Unicode.Scalar(byte)), count) {
            case ("y", 4), ("y", 2): parts.append(.year(digits: count))
            case ("M", 1), ("M", 2): parts.append(.month)
            case ("M", 3): parts.append(.monthName)
            case ("d", 1), ("d", 2): parts.append(.day)
            case ("H", 1), ("H", 2): parts.append(.hour)
            case ("h", 1), ("h", 2): parts.append(.hourOfHalf)
            case ("a", 1): parts.append(.half)
            case ("m", 1), ("m", 2): parts.append(.minute)
            case ("s", 1), ("s", 2): parts.append(.second)
            case ("S", _): parts.append(.fraction)
            default: return nil
            }
        }
        let hasYear = parts.contains { if case .year = $0 { true } else { false } }
        guard hasYear, parts.contains(.day), parts.contains(.month) || parts.contains(.monthName), !isQuoted,
            parts.contains(.hourOfHalf) == parts.contains(.half), !(parts.contains(.hour) && parts.contains(.half))
        else { return nil }
        self.parts = parts
    }

    /// The date and the time of day of a text in this pattern, as if it were in UTC.
    /// - Returns: milliseconds since 1970; `nil` for a text in another pattern, and for times outside 1970 to 9999.
    func parse(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var digits = Digits(bytes)
        var (year, month, day) = (0, 0, 0)
        var (hour, minute, second, milliseconds, half) = (0, 0, 0, 0, -1)
        for (index, part) in parts.enumerated() {
            // Digits that follow one another without a separator have their full width.
            let isPacked = index + 1 < parts.count && Self.isNumber(parts[index + 1])
            func number(_ most: Int) -> Int? { isPacked ? digits.fixed(most) : digits.upTo(most) }
            switch part {
            case .year(let count):
                guard let value = digits.fixed(count) else { return nil }
                year = count == 2 ? 2000 + value : value
            case .month:
                guard let value = number(2) else { return nil }
                month = value
            case .monthName:
                guard let index = Self.monthNames.firstIndex(where: { digits.skip(word: $0) }) else { return nil }
                month = index + 1
            case .day:
                guard let value = number(2) else { return nil }
                day = value
            case .hour:
                guard let value = number(2), value < 24 else { return nil }
                hour = value
            case .hourOfHalf:
                guard let value = number(2), (1...12).contains(value) else { return nil }
                hour = value % 12
            case .half:
                half = digits.skip(word: Array("am".utf8)) ? 0 : digits.skip(word: Array("pm".utf8)) ? 12 : -1
                guard half >= 0 else { return nil }
            case .minute:
                guard let value = number(2), value < 60 else { return nil }
                minute = value
            case .second:
                guard let value = number(2), value < 60 else { return nil }
                second = value
            case .fraction:
                guard let value = digits.fractionMilliseconds() else { return nil }
                milliseconds = value
            case .literal(let byte):
                guard digits.skip(Unicode.Scalar(byte)) else { return nil }
            }
        }
        guard digits.isAtEnd else { return nil }
        hour += max(half, 0)
        return EventTime.instant(
            year: year, month: month, day: day,
            milliseconds: ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds)
    }

    private static func isNumber(_ part: Part) -> Bool {
        switch part {
        case .literal, .monthName, .half: false
        default: true
        }
    }
}
