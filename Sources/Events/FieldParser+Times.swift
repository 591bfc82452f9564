/// Times in every notation but the most frequent one.
extension FieldParser {
    /// 1990: milliseconds before it are rather seconds.
    private static let earliestNumber: Int64 = 631_152_000_000

    func anyTime(_ value: EventFields.Value) throws(FieldError) -> Int64 {
        let instant = try someTime(value)
        guard instant >= Self.earliest else {
            throw Self.error(
                .invoiceDate, "is \(EventTime.text(instant)): the zero of clocks, which stands for no time at all")
        }
        return instant
    }

    private func someTime(_ value: EventFields.Value) throws(FieldError) -> Int64 {
        let bytes = value.kind == .other ? value.bytes : EventFields.trimmed(value.bytes)
        switch value.kind {
        case .absent, .null: throw Self.error(.invoiceDate, "missing")
        case .other: throw Self.error(.invoiceDate, "must be a time, as a string or a number")
        case .instant:
            if let instant = FixedPoint.parsePlain(bytes, digits: 0), (0...EventTime.latest).contains(instant) {
                return instant
            }
        case .string, .text:
            if isMissing(bytes) { throw Self.error(.invoiceDate, "missing") }
            if let instant = try textTime(bytes) { return instant }
        case .number:
            if let instant = try numberTime(bytes) { return instant }
        }
        throw Self.error(
            .invoiceDate,
            "must be a time from 1970 to 9999 as \(expectedTime), found \(Self.quoted(bytes))\(timeHint(bytes))")
    }

    private func textTime(_ bytes: UnsafeRawBufferPointer) throws(FieldError) -> Int64? {
        switch format.time {
        case .automatic:
            if bytes.isDigits { return try numberTime(bytes) }
            return isoTime(bytes)
        case .iso8601: return isoTime(bytes)
        case .epoch: return try numberTime(bytes)
        case .pattern(let pattern): return pattern.parse(bytes).flatMap { localTime.instant(ofLocal: $0) }
        }
    }

    private func isoTime(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard let (instant, hasOffset) = EventTime.parseISO8601WithOffset(bytes) else { return nil }
        return hasOffset ? instant : localTime.instant(ofLocal: instant)
    }

    private func numberTime(_ bytes: UnsafeRawBufferPointer) throws(FieldError) -> Int64? {
        switch format.time {
        case .automatic:
            guard let (number, exact) = FixedPoint.parse(bytes, digits: 0), exact, number >= 0 else { return nil }
            guard number >= Self.earliestNumber, number <= EventTime.latest else {
                throw Self.error(
                    .invoiceDate,
                    "\(Self.quoted(bytes)) is no time in milliseconds from 1990 to 9999\(unitHint(number))")
            }
            return number
        case .epoch(let nanoseconds):
            // Seconds may have a fraction.
            let isSeconds = nanoseconds == 1_000_000_000
            guard let number = FixedPoint.parse(bytes, digits: isSeconds ? 3 : 0)?.value, number >= 0 else {
                return nil
            }
            let instant = isSeconds ? number : number / (1_000_000 / nanoseconds)
            return instant <= EventTime.latest ? instant : nil
        case .iso8601, .pattern: return nil
        }
    }

    private func unitHint(_ number: Int64) -> String {
        let units: [(String, String, Int64)] = [
            ("seconds", "epoch_s", 1_000_000_000), ("microseconds", "epoch_us", 1000), ("nanoseconds", "epoch_ns", 1),
        ]
        for (unit, word, nanoseconds) in units {
            let seconds = Double(number) * Double(nanoseconds) / 1e9
            if (631_152_000...4_102_444_800).contains(seconds) { return "; \(unit)? Then set events.time to \(word)" }
        }
        return ""
    }

    private var expectedTime: String {
        switch format.time {
        case .automatic: "ISO 8601 or epoch milliseconds"
        case .iso8601: "ISO 8601"
        case .epoch: "a number (events.time is \(format.time.description))"
        case .pattern(let pattern): "\(pattern.text) (events.time)"
        }
    }

    private func timeHint(_ bytes: UnsafeRawBufferPointer) -> String {
        let separators = bytes.filter { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        guard separators.count >= 2, bytes.first.map({ $0 &- 48 < 10 }) == true else { return "" }
        return ": day or month first? Say so with events.time, as dd/MM/yyyy HH:mm or MM/dd/yyyy HH:mm"
    }
}
