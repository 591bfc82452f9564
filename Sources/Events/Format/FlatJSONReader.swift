import CEvents

/// Reads the fields of messages that are flat JSON objects, under the shop's own names.
///
/// Reading is one strict pass over the bytes (RFC 8259, valid UTF-8, no field twice, unknown fields checked and ignored),
/// without Foundation and without allocation. Belongs to one thread.
final class FlatJSONReader {
    private let names: FieldNames
    private let texts: TextMemory
    /// The names' bytes one after the other, and the part of each.
    private let nameBytes: UnsafeMutableRawBufferPointer
    private let nameRanges: InlineArray<11, UnsafeRawBufferPointer>
    /// Fields up to the last one that has a name.
    private let count: Int
    private let quotes = UnsafeMutablePointer<UInt32>.allocate(capacity: FlatJSONReader.quoteLimit + 64)
    /// Most quotes of a message that `plainFields` reads.
    private static let quoteLimit = 256

    /// - Parameters:
    ///   - names: the names of the messages' fields; empty for those that they do not have.
    ///   - texts: keeps what fields with escapes say.
    init(names: FieldNames, texts: TextMemory) {
        self.names = names
        self.texts = texts
        let keys = EventField.allCases.map { FieldPath(names[$0])?.name ?? [] }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: keys.reduce(1) { $0 + $1.count }, alignment: 1)
        bytes.copyBytes(from: keys.joined())
        var start = 0
        nameRanges = InlineArray { index in
            defer { start += keys[index].count }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<(start + keys[index].count)])
        }
        nameBytes = bytes
        count = EventField.allCases.lastIndex { !names[$0].isEmpty }.map { $0 + 1 } ?? 0
    }

    deinit {
        nameBytes.deallocate()
        quotes.deallocate()
    }

    /// Replaces `fields` by the message's, before they are parsed.
    /// - Throws: `EventError` for a message that is no JSON object or repeats a field.
    @inline(__always)
    func read(_ message: UnsafeRawBufferPointer, into fields: inout EventFields) throws(EventError) {
        fields.reset()
        if plainFields(of: message, into: &fields) { return }
        fields.reset()
        try readAny(message, into: &fields)
    }

    /// The fast path for what most messages are: one object without escapes, without spaces but single ones behind colons and
    /// commas, with strings, numbers and nulls for values. All quotes are located first; names and texts are between them.
    /// - Returns: false for any other message, which `readAny` must read.
    @inline(__always)
    private func plainFields(of message: UnsafeRawBufferPointer, into fields: inout EventFields) -> Bool {
        let count = message.count
        guard count >= 2, message[0] == UInt8(ascii: "{"), let base = message.baseAddress else { return false }
        var quoteCount = 0
        let met = ce_quotes(
            base.assumingMemoryBound(to: UInt8.self), count, quotes, Self.quoteLimit, &quoteCount)
        if met != 0 {
            guard met == Int32(ce_has_non_ascii), isValidUTF8(message) else { return false }
        }
        let quotes = quotes
        var next = 0
        var expected = 0
        var at = 1
        while true {
            if at < count, message[at] == 0x20 { at &+= 1 }
            guard next &+ 1 < quoteCount, Int(quotes[next]) == at else { return false }
            let nameEnd = Int(quotes[next &+ 1])
            let name = UnsafeRawBufferPointer(start: base + (at &+ 1), count: nameEnd &- at &- 1)
            next &+= 2
            at = nameEnd &+ 1
            guard at &+ 1 < count, message[at] == UInt8(ascii: ":") else { return false }
            at &+= 1
            if message[at] == 0x20 { at &+= 1 }
            guard at < count else { return false }

            var value = EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0))
            let first = message[at]
            if first == UInt8(ascii: "\"") {
                guard next &+ 1 < quoteCount else { return false }
                let end = Int(quotes[next &+ 1])
                value = EventFields.Value(
                    .string, UnsafeRawBufferPointer(start: base + (at &+ 1), count: end &- at &- 1))
                next &+= 2
                at = end &+ 1
            } else if first &- 48 < 10 || first == UInt8(ascii: "-") {
                var cursor = JSONCursor(message)
                cursor.at = at
                guard let number = cursor.plainNumber() else { return false }
                value = EventFields.Value(.number, number)
                at = cursor.at
            } else {
                // "null", its first byte the lowest.
                guard at &+ 4 < count, message.halfWord(at) == 0x6C6C_756E else { return false }
                at &+= 4
            }
            let place = place(ofName: name, expected: &expected)
            if place >= 0 {
                guard fields.values[place].kind == .absent else { return false }
                fields.values[place] = value
            }
            guard at < count else { return false }
            if message[at] == UInt8(ascii: ",") {
                at &+= 1
            } else {
                return message[at] == UInt8(ascii: "}") && at &+ 1 == count
            }
        }
    }

    /// The fields of any message. This function defines which messages are accepted.
    func readAny(_ message: UnsafeRawBufferPointer, into fields: inout EventFields) throws(EventError) {
        guard !message.isEmpty else { throw EventError(field: nil, reason: "empty message") }
        guard isValidUTF8(message) else { throw EventError(field: nil, reason: "not JSON: invalid UTF-8") }
        var cursor = JSONCursor(message)
        cursor.skipSpace()
        var expected = 0
        try cursor.forEachMember { key, cursor throws(EventError) in
            let name = key.isEscaped ? texts.unescaped(key.raw) : key.raw
            guard let field = EventField(rawValue: place(ofName: name, expected: &expected)) else {
                return try cursor.skipValue()
            }
            guard fields[field].kind == .absent else {
                throw EventError(field: names[field], reason: "appears twice")
            }
            fields[field] = try value(&cursor)
        }
        cursor.skipSpace()
        guard cursor.at == message.count else { throw cursor.error("more after the object") }
    }

    /// A field's raw value, −1 for an unknown name. Most producers write the fields in one order, so that the field after the
    /// last one is compared first.
    @inline(__always)
    private func place(ofName name: UnsafeRawBufferPointer, expected: inout Int) -> Int {
        for step in 0..<count {
            let wrapped = expected &+ step &- count
            let index = wrapped < 0 ? expected &+ step : wrapped
            if nameRanges[index].hasSameBytes(as: name), !name.isEmpty {
                expected = index &+ 1 == count ? 0 : index &+ 1
                return index
            }
        }
        return -1
    }

    private func value(_ cursor: inout JSONCursor) throws(EventError) -> EventFields.Value {
        let start = cursor.at
        switch cursor.current {
        case UInt8(ascii: "\""):
            let text = try cursor.string()
            return EventFields.Value(.string, text.escaped ? texts.unescaped(text.raw) : text.raw)
        case UInt8(ascii: "n"):
            try cursor.literal()
            return EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0))
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return EventFields.Value(.number, try cursor.number())
        default:
            if cursor.skipNotANumber() { return EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0)) }
            try cursor.skipValue()
            return EventFields.Value(.other, UnsafeRawBufferPointer(rebasing: cursor.bytes[start..<cursor.at]))
        }
    }
}
