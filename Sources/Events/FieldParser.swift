/// An `EventError` before the shop's name for the field is looked up.
struct FieldError: Error {
    let field: EventField
    let reason: String
}

/// Parses a field's bytes; an error names the field.
enum FieldParser {
    /// A string, or a whole number as its digits: the numbers `17850` and `17850.0` and the string `"17850"` are one
    /// customer.
    @inline(__always)
    static func identifier(_ value: EventFields.Value, _ field: EventField, mayBeEmpty: Bool) throws(FieldError)
        -> UnsafeRawBufferPointer
    {
        var bytes = value.bytes
        switch value.kind {
        case .absent: throw error(field, "missing")
        case .other: throw error(field, "must be a string or a number")
        case .null: bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        case .number:
            bytes = EventFields.withoutZeroFraction(bytes)
            guard bytes.isDigits else {
                throw error(field, "as a number must be whole and not negative, found \(quoted(bytes))")
            }
        case .string, .text: break
        }
        if bytes.isEmpty {
            guard mayBeEmpty else { throw error(field, "must not be empty") }
            return bytes
        }
        guard bytes.count <= CustomerEvent.identifierLimit else {
            throw error(field, "is \(bytes.count) bytes long, at most \(CustomerEvent.identifierLimit) are allowed")
        }
        return bytes
    }

    /// A string that may be missing.
    @inline(__always)
    static func text(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> UnsafeRawBufferPointer {
        if value.isEmpty { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard value.kind != .other else { throw error(field, "must be a string") }
        return value.bytes
    }

    @inline(__always)
    static func wholeNumber(_ value: EventFields.Value, _ field: EventField, limit: Int64) throws(FieldError) -> Int64 {
        let bytes = try number(value, field)
        guard let (whole, exact) = FixedPoint.parse(bytes, digits: 0), exact else {
            throw error(field, "must be a whole number, found \(quoted(bytes))")
        }
        guard whole.magnitude <= UInt64(limit) else {
            throw error(field, "must lie within ±\(limit), found \(quoted(bytes))")
        }
        return whole
    }

    @inline(__always)
    static func money(_ value: EventFields.Value, _ field: EventField, limit: Int64) throws(FieldError) -> Int64 {
        let bytes = try number(value, field)
        guard let (money, _) = FixedPoint.parse(bytes, digits: FixedPoint.moneyDigits) else {
            throw error(field, "must be a number, found \(quoted(bytes))")
        }
        guard money.magnitude <= UInt64(limit) else {
            throw error(field, "must lie within ±\(limit / FixedPoint.moneyScale), found \(quoted(bytes))")
        }
        return money
    }

    @inline(__always)
    static func time(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> Int64 {
        let parsed: Int64?
        switch value.kind {
        case .absent, .null: throw error(field, "missing")
        case .other: throw error(field, "must be a time, as a string or in epoch milliseconds")
        case .string: parsed = EventTime.parseISO8601(value.bytes)
        case .text:
            parsed = EventTime.parseISO8601(value.bytes) ?? EventTime.parseMonthDayYear(value.bytes)
        case .number:
            let number = FixedPoint.parse(value.bytes, digits: 0)
            parsed = number.flatMap { $0.exact && (0...EventTime.latest).contains($0.value) ? $0.value : nil }
        }
        guard let parsed else {
            let notation =
                value.kind == .text ? "YYYY-MM-DD HH:MM:SS or M/D/YYYY H:MM" : "ISO 8601 or epoch milliseconds"
            throw error(field, "must be a time from 1970 to 9999 as \(notation), found \(quoted(value.bytes))")
        }
        return parsed
    }

    @inline(__always)
    private static func number(_ value: EventFields.Value, _ field: EventField) throws(FieldError)
        -> UnsafeRawBufferPointer
    {
        switch value.kind {
        case .absent, .null: throw error(field, "missing")
        case .number, .text: return value.bytes
        case .string, .other: throw error(field, "must be a number, found \(quoted(value.bytes, string: true))")
        }
    }

    @inline(never)
    private static func error(_ field: EventField, _ reason: String) -> FieldError {
        FieldError(field: field, reason: reason)
    }

    /// At most 40 bytes of a value, safe to print.
    private static func quoted(_ bytes: UnsafeRawBufferPointer, string: Bool = false) -> String {
        let text = printable(UnsafeRawBufferPointer(rebasing: bytes.prefix(40))) + (bytes.count > 40 ? "…" : "")
        return string ? "\"\(text)\"" : text.isEmpty ? "nothing" : text
    }
}

/// Text that is safe to print on a terminal: control characters are replaced.
func printable(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes, as: UTF8.self).unicodeScalars.map {
        $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : String($0)
    }.joined()
}
