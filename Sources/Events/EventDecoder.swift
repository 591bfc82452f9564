/// Customer events from JSON messages, under the shop's own field names.
///
/// One strict pass over the bytes (RFC 8259, valid UTF-8, no field twice, unknown fields checked and ignored), without
/// Foundation and without allocating. Owned by one thread.
public final class EventDecoder {
    /// Changes whenever another set of messages is taken for events, or understood otherwise.
    public static let version = 1

    public let names: FieldNames
    private let nameBytes: [[UInt8]]
    /// Room for texts with escapes; as large as the largest message that had one.
    private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var scratchUsed = 0

    public init(names: FieldNames = FieldNames()) {
        self.names = names
        nameBytes = EventField.allCases.map { Array(names[$0].utf8) }
    }

    deinit { scratch.deallocate() }

    /// The event in a message. It borrows from `message` and from the decoder: use it before the next call.
    /// - Throws: `EventError`: what is wrong with which field.
    /// - Complexity: O(bytes).
    public func decode(_ message: UnsafeRawBufferPointer) throws(EventError) -> CustomerEvent {
        try CustomerEvent(fields(of: message), names: names)
    }

    /// The message's fields, not yet understood.
    public func fields(of message: UnsafeRawBufferPointer) throws(EventError) -> EventFields {
        guard !message.isEmpty else { throw EventError(field: nil, reason: "empty message") }
        guard isValidUTF8(message) else { throw EventError(field: nil, reason: "not JSON: invalid UTF-8") }
        scratchUsed = 0
        var fields = EventFields()
        var cursor = JSONCursor(message)
        cursor.skipSpace()
        guard cursor.skip("{") else { throw cursor.error("expected an object") }
        cursor.skipSpace()
        if !cursor.skip("}") {
            var expected = 0
            repeat {
                cursor.skipSpace()
                let key = try cursor.string()
                try cursor.expectColon()
                cursor.skipSpace()
                let name = key.escaped ? unescaped(key.raw, of: message) : key.raw
                if let field = field(named: name, expected: &expected) {
                    guard fields[field].kind == .absent else {
                        throw EventError(field: names[field], reason: "appears twice")
                    }
                    fields[field] = try value(&cursor, of: message)
                } else {
                    try cursor.skipValue()
                }
                cursor.skipSpace()
            } while cursor.skip(",")
            guard cursor.skip("}") else { throw cursor.error("expected , or }") }
        }
        cursor.skipSpace()
        guard cursor.at == message.count else { throw cursor.error("more after the object") }
        return fields
    }

    /// Producers write fields in one order: the field after the last one is tried first.
    @inline(__always)
    private func field(named name: UnsafeRawBufferPointer, expected: inout Int) -> EventField? {
        for step in 0..<nameBytes.count {
            let index = (expected &+ step) & 7
            let candidate = nameBytes[index]
            if candidate.count == name.count, candidate.elementsEqual(name) {
                expected = index &+ 1
                return EventField(rawValue: index)
            }
        }
        return nil
    }

    private func value(_ cursor: inout JSONCursor, of message: UnsafeRawBufferPointer) throws(EventError)
        -> EventFields.Value
    {
        let start = cursor.at
        switch cursor.current {
        case UInt8(ascii: "\""):
            let text = try cursor.string()
            return EventFields.Value(.string, text.escaped ? unescaped(text.raw, of: message) : text.raw)
        case UInt8(ascii: "n"):
            try cursor.literal()
            return EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0))
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return EventFields.Value(.number, try cursor.number())
        default:
            try cursor.skipValue()
            return EventFields.Value(.other, UnsafeRawBufferPointer(rebasing: message[start..<cursor.at]))
        }
    }

    private func unescaped(_ raw: UnsafeRawBufferPointer, of message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer
    {
        // All texts of one message together are no longer than the message, so this never moves one still in use.
        if scratchUsed == 0, scratch.count < message.count {
            scratch.deallocate()
            scratch = .allocate(byteCount: message.count, alignment: 1)
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[scratchUsed...])
        let count = JSONCursor.unescape(raw, into: room)
        scratchUsed += count
        return UnsafeRawBufferPointer(rebasing: room[..<count])
    }
}
