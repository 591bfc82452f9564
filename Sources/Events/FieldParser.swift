/// An `EventError` before the shop's name for the field is looked up.
struct FieldError: Error {
    let field: EventField
    let reason: String
}

/// Turns fields as they were written into values, by the notation that a shop writes them in. An error names the field and what
/// would mend it. Belongs to one thread.
final class FieldParser {
    let format: EventFormat
    private let texts: TextMemory
    let localTime: LocalTime
    private let hasLineTotal: Bool
    private let hasEventID: Bool
    private let hasStatus: Bool
    private let cancellationPrefix: [UInt8]
    private let isAutomatic: Bool
    private let hasPlainNumbers: Bool
    private let missingWords: [[UInt8]]
    /// For each byte whether a word for no value begins with it.
    private let beginsMissingWord = UnsafeMutablePointer<Bool>.allocate(capacity: 256)
    /// For each byte whether a text that begins with it has no spaces before it and is no word for no value.
    private let isPlainStart = UnsafeMutablePointer<Bool>.allocate(capacity: 256)
    let allowsMissingProduct: Bool
    private let longestMissingWord: Int

    /// - Parameter texts: keeps what is not in the messages as it is.
    init(_ format: EventFormat, texts: TextMemory) {
        self.format = format
        self.texts = texts
        hasLineTotal = !format.fields[.lineTotal].isEmpty
        hasEventID = !format.fields[.eventID].isEmpty
        hasStatus = !format.fields[.status].isEmpty
        cancellationPrefix = Array(format.cancellationPrefix.utf8)
        // A configuration with another zone has been refused.
        localTime = LocalTime(format.timeZone) ?? LocalTime("UTC").unsafelyUnwrapped
        isAutomatic = format.time == .automatic
        hasPlainNumbers = format.decimalSeparator == "." && format.thousandsSeparator.isEmpty
        missingWords = format.missingWords.map { Array($0.utf8) }.filter { !$0.isEmpty }
        longestMissingWord = missingWords.map(\.count).max() ?? 0
        allowsMissingProduct = format.allowsMissingProduct
        beginsMissingWord.initialize(repeating: false, count: 256)
        for word in missingWords {
            beginsMissingWord[Int(word[0])] = true
            let upper = word[0] &- 0x20
            if word[0] >= UInt8(ascii: "a"), word[0] <= UInt8(ascii: "z") { beginsMissingWord[Int(upper)] = true }
        }
        for byte in 0..<256 {
            (isPlainStart + byte).initialize(to: byte > 0x20 && byte < 0x80 && !beginsMissingWord[byte])
        }
    }

    deinit {
        beginsMissingWord.deallocate()
        isPlainStart.deallocate()
    }

    /// Whether what a line comes to is given, in place of the price of a piece.
    var readsLineTotal: Bool { hasLineTotal }
    /// Whether events have identifiers of their own.
    var readsEventID: Bool { hasEventID }

    /// Whether the number of an invoice tells that it gives something back.
    @inline(__always)
    func isCancellation(invoiceNo: UnsafeRawBufferPointer) -> Bool {
        !cancellationPrefix.isEmpty && invoiceNo.starts(with: cancellationPrefix)
    }

    /// Throws where an event must name its invoice.
    func requireInvoice(_ value: EventFields.Value) throws(FieldError) {
        if format.missingInvoice == .refuse { throw Self.missing(value, .invoiceNo) }
    }

    /// The invoice of an event that names none.
    func missingInvoice(of time: Int64) -> UnsafeRawBufferPointer {
        let text = EventTime.text(time).utf8
        return format.missingInvoice == .day ? texts.copy(text.prefix(10)) : texts.copy(text)
    }

    /// Whether events have a status.
    var readsStatus: Bool { hasStatus }

    /// What the status of an event says.
    func meaning(_ status: EventFields.Value) throws(FieldError) -> EventFormat.Meaning {
        let bytes = EventFields.trimmed(status.bytes)
        guard status.kind != .absent else { throw Self.error(.status, "missing") }
        if let meaning = format.statuses[String(decoding: bytes, as: UTF8.self)] { return meaning }
        throw Self.error(
            .status,
            "is \(Self.quoted(bytes)), which is not in events.statuses: say there whether it is a purchase, a "
                + "cancellation or to be ignored")
    }

    /// The first day of 1970 is what clocks and databases show for no time at all.
    static let earliest: Int64 = EventTime.millisecondsPerDay

    // MARK: Kinds of values

    /// A string, or a whole number as its digits: `17850`, `17850.0`, `" 17850 "` and `"17850"` are one customer.
    /// - Returns: nothing for a value that is missing.
    @inline(__always)
    func identifier(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> UnsafeRawBufferPointer {
        let bytes = value.bytes
        // Most identifiers begin with a digit or another plain letter, and end with what needs no second look.
        if value.kind == .string, let first = bytes.first, isPlainStart[Int(first)], bytes.count <= 64 {
            let last = bytes[bytes.count &- 1]
            if last &- 49 < 9 || last &- 65 < 26 {
                if bytes.count < 5 || bytes[bytes.count &- 3] != UInt8(ascii: "+") { return bytes }
            }
        }
        return try anyIdentifier(value, field)
    }

    @inline(never)
    private func anyIdentifier(_ value: EventFields.Value, _ field: EventField) throws(FieldError)
        -> UnsafeRawBufferPointer
    {
        var bytes = value.bytes
        switch value.kind {
        case .absent, .null: return UnsafeRawBufferPointer(start: nil, count: 0)
        case .other: throw Self.error(field, "must be a string or a number")
        case .number, .instant:
            bytes = EventFields.withoutZeroFraction(bytes)
            guard bytes.isDigits else {
                throw Self.error(field, "as a number must be whole and not negative, found \(Self.quoted(bytes))")
            }
        case .string, .text:
            bytes = EventFields.withoutZeroFraction(EventFields.trimmed(bytes))
            if isMissing(bytes) { return UnsafeRawBufferPointer(start: nil, count: 0) }
            if Self.isSpreadsheetExponent(bytes) {
                throw Self.error(
                    field, "is \(Self.quoted(bytes)): a spreadsheet has rounded it; export the column as text")
            }
        }
        guard bytes.count <= CustomerEvent.identifierLimit else {
            throw Self.error(
                field, "is \(bytes.count) bytes long, at most \(CustomerEvent.identifierLimit) are allowed")
        }
        return bytes
    }

    /// A string that may be missing.
    @inline(__always)
    func text(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> UnsafeRawBufferPointer {
        if value.isEmpty || isMissing(value.bytes) { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard value.kind != .other else { throw Self.error(field, "must be a string") }
        return value.bytes
    }

    /// Pieces. A fraction, as of a weight, counts as a whole piece.
    /// - Returns: the whole pieces, and ten-thousandths of a piece.
    @inline(__always)
    func quantity(_ value: EventFields.Value) throws(FieldError) -> (pieces: Int64, exact: Int64) {
        let bytes = try number(value, .quantity)
        let exact: Int64
        if let whole = FixedPoint.parsePlain(bytes, digits: 0), whole.magnitude <= UInt64(CustomerEvent.quantityLimit) {
            return (whole, whole &* FixedPoint.moneyScale)
        } else {
            exact = try decimal(bytes, .quantity, limit: CustomerEvent.quantityLimit, isPlain: isPlain(value))
        }
        let (whole, rest) = exact.quotientAndRemainder(dividingBy: FixedPoint.moneyScale)
        return (whole + rest.signum(), exact)
    }

    /// An amount of money, in ten-thousandths of the currency.
    @inline(__always)
    func money(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> Int64 {
        let bytes = try number(value, field)
        let isPlain = isPlain(value)
        if isPlain, let money = FixedPoint.parsePlain(bytes, digits: FixedPoint.moneyDigits),
            money.magnitude <= UInt64(CustomerEvent.priceLimit)
        {
            return money
        }
        return try decimal(bytes, field, limit: CustomerEvent.priceLimit / FixedPoint.moneyScale, isPlain: isPlain)
    }

    /// Whether a number has a point before its fraction and nothing between its thousands: numbers that are no text always do.
    @inline(__always)
    private func isPlain(_ value: EventFields.Value) -> Bool {
        hasPlainNumbers || value.kind == .number || value.kind == .instant
    }

    /// - Parameter limit: largest magnitude, in whole units.
    private func decimal(
        _ bytes: UnsafeRawBufferPointer, _ field: EventField, limit: Int64, isPlain: Bool
    ) throws(FieldError) -> Int64 {
        let parsed =
            isPlain
            ? FixedPoint.parse(bytes, digits: FixedPoint.moneyDigits)
            : Self.withPlainNotation(bytes, format) { FixedPoint.parse($0, digits: FixedPoint.moneyDigits) }
        guard let parsed else {
            throw Self.error(field, "must be a number, found \(Self.quoted(bytes))\(numberHint(bytes))")
        }
        guard parsed.value.magnitude <= UInt64(limit * FixedPoint.moneyScale) else {
            throw Self.error(field, "must lie within ±\(limit), found \(Self.quoted(bytes))")
        }
        return parsed.value
    }

    /// An instant, in milliseconds since 1970 UTC.
    @inline(__always)
    func time(_ value: EventFields.Value) throws(FieldError) -> Int64 {
        if isAutomatic, value.kind == .string || value.kind == .text, let local = EventTime.parseSeconds(value.bytes),
            let instant = value.bytes.count == 20 ? local : localTime.instant(ofLocal: local), instant >= Self.earliest
        {
            return instant
        }
        return try anyTime(value)
    }

    // MARK: Words

    /// Whether a text is one of the words for no value. An empty text is missing too.
    @inline(__always)
    func isMissing(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first else { return true }
        guard beginsMissingWord[Int(first)], bytes.count <= longestMissingWord else { return false }
        return missingWords.contains { word in
            word.count == bytes.count
                && word.indices.allSatisfy {
                    let byte = bytes[$0]
                    let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                    return (isUpper ? byte | 0x20 : byte) == word[$0]
                }
        }
    }

    /// `1.785E+04`: what spreadsheets make of long numbers.
    @inline(__always)
    private static func isSpreadsheetExponent(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count
        guard count >= 5, bytes[count - 3] == UInt8(ascii: "+"), bytes[count - 4] | 0x20 == UInt8(ascii: "e") else {
            return false
        }
        return bytes.prefix(count - 4).allSatisfy {
            $0 &- 48 < 10 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ",")
        }
            && bytes.suffix(2).allSatisfy { $0 &- 48 < 10 }
    }

    // MARK: Numbers

    @inline(__always)
    private func number(_ value: EventFields.Value, _ field: EventField) throws(FieldError) -> UnsafeRawBufferPointer {
        switch value.kind {
        case .number, .instant: return value.bytes
        case .absent, .null: throw Self.error(field, "missing")
        case .string, .text:
            let bytes = EventFields.trimmed(value.bytes)
            guard !isMissing(bytes) else { throw Self.error(field, "missing") }
            return bytes
        case .other: throw Self.error(field, "must be a number, found \(Self.quoted(value.bytes))")
        }
    }

    /// Gives `body` a number without separators of thousands and with a point before its fraction.
    ///
    /// Separators stand before groups of three digits, the first ones perhaps of two as in India, and never in a fraction: else
    /// what is a fraction in another notation would be taken for thousands.
    private static func withPlainNotation<Result>(
        _ bytes: UnsafeRawBufferPointer, _ format: EventFormat, _ body: (UnsafeRawBufferPointer) -> Result?
    ) -> Result? {
        let decimal = Array(format.decimalSeparator.utf8)
        let thousands = Array(format.thousandsSeparator.utf8)
        var plain: [UInt8] = []
        var rest = bytes[...]
        /// Digits since the last separator of thousands; `nil` before the first one.
        var group: Int?
        var isFraction = false
        while !rest.isEmpty {
            if !thousands.isEmpty, rest.starts(with: thousands) {
                guard !isFraction, plain.last.map({ $0 &- 48 < 10 }) == true,
                    group == nil || (2...3).contains(group ?? 0)
                else { return nil }
                group = 0
                rest = rest.dropFirst(thousands.count)
            } else if rest.starts(with: decimal) {
                guard !isFraction, group == nil || group == 3 else { return nil }
                isFraction = true
                plain.append(UInt8(ascii: "."))
                rest = rest.dropFirst(decimal.count)
            } else if rest.first == UInt8(ascii: ".") {
                return nil
            } else {
                if let digits = group, !isFraction { group = digits + 1 }
                plain.append(rest.removeFirst())
            }
        }
        guard isFraction || group == nil || group == 3 else { return nil }
        return plain.withUnsafeBytes(body)
    }

    private func numberHint(_ bytes: UnsafeRawBufferPointer) -> String {
        let isNumeric = bytes.allSatisfy {
            $0 &- 48 < 10 || $0 == 45 || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ".")
        }
        if isNumeric, bytes.contains(UInt8(ascii: ",")) {
            return ": set events.decimal_separator and events.thousands_separator to what the shop writes"
        }
        let isBase64 =
            bytes.count % 4 == 0
            && bytes.allSatisfy { $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || [43, 47, 61].contains($0) }
        if isBase64, !bytes.isEmpty {
            return
                ": if this is a decimal in base64, as Kafka Connect writes it, set events.decimal_scale to its digits "
                + "behind the point, or Debezium's decimal.handling.mode to string"
        }
        return ""
    }

    // MARK: Errors

    @inline(never)
    static func error(_ field: EventField, _ reason: String) -> FieldError { FieldError(field: field, reason: reason) }

    /// The error for a field without which there is no event.
    @inline(never)
    static func missing(_ value: EventFields.Value, _ field: EventField) -> FieldError {
        error(field, value.kind == .absent ? "missing" : "must not be empty")
    }

    /// The error for an event that lies behind its message.
    @inline(never)
    static func ahead(_ time: Int64, _ timestamp: Int64) -> FieldError {
        error(
            .invoiceDate,
            "is \(EventTime.text(time)), which is later than its message or file (\(EventTime.text(max(timestamp, 0)))) by more "
                + "than events.max_ahead allows")
    }

    /// At most 40 bytes of a value, safe to print.
    static func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
        let text = printable(UnsafeRawBufferPointer(rebasing: bytes.prefix(40))) + (bytes.count > 40 ? "…" : "")
        return text.isEmpty ? "nothing" : "\"\(text)\""
    }
}

/// Text that is safe to print on a terminal: control characters are replaced.
func printable(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes, as: UTF8.self).unicodeScalars.map {
        $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : String($0)
    }.joined()
}
