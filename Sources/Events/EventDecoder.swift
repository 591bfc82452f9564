import CEvents

/// Customer events from JSON messages, under the shop's own field names.
///
/// Decoding is one strict pass over the bytes (RFC 8259, valid UTF-8, no field twice, unknown fields checked and ignored),
/// without Foundation and without allocation. A decoder belongs to one thread.
public final class EventDecoder {
    /// Version of what messages are accepted and how they are understood; part of the checkpoint's decoder fingerprint. State of
    /// another version is kept as it was decoded.
    package static let version = 1

    /// The names of the messages' fields.
    package let names: FieldNames
    /// The names' bytes one after the other, and the part of each.
    private let nameBytes: UnsafeMutableRawBufferPointer
    private let nameRanges: InlineArray<8, UnsafeRawBufferPointer>
    /// Memory for texts with their escapes resolved; only the last piece has free room.
    private var scratch: [UnsafeMutableRawBufferPointer] = []
    private var scratchUsed = 0
    private static let scratchBytes = 1 << 16
    private let quotes = UnsafeMutablePointer<UInt32>.allocate(capacity: EventDecoder.quoteLimit + 64)
    /// Most quotes of a message that `plainFields` reads.
    private static let quoteLimit = 256

    /// - Parameter names: the names of the messages' fields.
    package init(names: FieldNames = FieldNames()) {
        self.names = names
        let texts = EventField.allCases.map { Array(names[$0].utf8) }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: texts.reduce(0) { $0 + $1.count }, alignment: 1)
        bytes.copyBytes(from: texts.joined())
        var start = 0
        nameRanges = InlineArray { index in
            defer { start += texts[index].count }
            return UnsafeRawBufferPointer(rebasing: bytes[start..<(start + texts[index].count)])
        }
        nameBytes = bytes
    }

    deinit {
        nameBytes.deallocate()
        quotes.deallocate()
        for piece in scratch { piece.deallocate() }
    }

    /// Decodes the event in a message. The event borrows from `message` and from the decoder. It is valid until the next call,
    /// or with `keepingTexts` until `forgetTexts` is called.
    /// - Parameter keepingTexts: whether events decoded before are still in use.
    /// - Throws: `EventError`, which names the field and what is wrong with it.
    /// - Complexity: O(bytes).
    public func decode(_ message: UnsafeRawBufferPointer, keepingTexts: Bool = false) throws(EventError)
        -> CustomerEvent
    {
        if !keepingTexts { forgetTexts() }
        var fields = EventFields()
        if !plainFields(of: message, into: &fields) { fields = try anyFields(of: message) }
        return try CustomerEvent(fields, names: names)
    }

    /// Frees the texts of all events decoded so far, which become invalid.
    @inline(__always)
    public func forgetTexts() {
        scratchUsed = 0
        if scratch.count > 1 { freeScratch() }
    }

    private func freeScratch() {
        for piece in scratch.dropLast() { piece.deallocate() }
        scratch.removeFirst(scratch.count - 1)
    }

    /// The message's fields before they are parsed. They are valid until the next call.
    /// - Throws: `EventError` for a message that is no JSON object or repeats a field.
    package func fields(of message: UnsafeRawBufferPointer) throws(EventError) -> EventFields {
        forgetTexts()
        var fields = EventFields()
        if !plainFields(of: message, into: &fields) { fields = try anyFields(of: message) }
        return fields
    }

    /// The fast path for what most messages are: one object without escapes, without spaces but single ones behind colons and
    /// commas, with strings, numbers and nulls for values. All quotes are located first; names and texts are between them.
    /// - Returns: false for any other message, which `anyFields` must read.
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
    func anyFields(of message: UnsafeRawBufferPointer) throws(EventError) -> EventFields {
        guard !message.isEmpty else { throw EventError(field: nil, reason: "empty message") }
        guard isValidUTF8(message) else { throw EventError(field: nil, reason: "not JSON: invalid UTF-8") }
        var fields = EventFields()
        var cursor = JSONCursor(message)
        cursor.skipSpace()
        var expected = 0
        try cursor.forEachMember { key, cursor throws(EventError) in
            let name = key.isEscaped ? unescaped(key.raw) : key.raw
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
        return fields
    }

    /// A field's raw value, −1 for an unknown name. Most producers write the fields in one order, so that the field after the
    /// last one is compared first.
    @inline(__always)
    private func place(ofName name: UnsafeRawBufferPointer, expected: inout Int) -> Int {
        for step in 0..<nameRanges.count {
            let index = (expected &+ step) & 7
            if nameRanges[index].hasSameBytes(as: name) {
                expected = index &+ 1
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
            return EventFields.Value(.string, text.escaped ? unescaped(text.raw) : text.raw)
        case UInt8(ascii: "n"):
            try cursor.literal()
            return EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0))
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return EventFields.Value(.number, try cursor.number())
        default:
            try cursor.skipValue()
            return EventFields.Value(.other, UnsafeRawBufferPointer(rebasing: cursor.bytes[start..<cursor.at]))
        }
    }

    /// A text with its escapes resolved, in the decoder's own memory.
    private func unescaped(_ raw: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // A piece is neither moved nor freed while a text in it may be in use. Resolving escapes never makes a text longer.
        if scratch.isEmpty || scratch[scratch.count - 1].count - scratchUsed < raw.count {
            scratch.append(.allocate(byteCount: max(Self.scratchBytes, raw.count), alignment: 1))
            scratchUsed = 0
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[scratch.count - 1][scratchUsed...])
        let count = JSONCursor.unescape(raw, into: room)
        scratchUsed += count
        return UnsafeRawBufferPointer(rebasing: room[..<count])
    }
}
