/// One event's fields as they were written in a message or row, before they are parsed.
///
/// The bytes are borrowed. They are valid until the reader or decoder that returned them reads the next event.
public struct EventFields {
    /// How a field was written.
    public enum Kind: UInt8, Sendable {
        /// The message has no such field.
        case absent
        /// A JSON null.
        case null
        /// A JSON string, unescaped.
        case string
        /// A JSON number, as written.
        case number
        /// A CSV field: text without a type.
        case text
        /// `true`, `false`, an object or an array.
        case other
        /// An instant, in milliseconds since 1970, whatever notation is configured.
        case instant
    }

    /// A field's kind and its bytes.
    public struct Value {
        /// How the field was written.
        public var kind: Kind
        /// A string's content with its escapes resolved, a cell's content, or any other value as written.
        public var bytes: UnsafeRawBufferPointer

        /// A value of borrowed bytes.
        @inlinable
        public init(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) {
            self.kind = kind
            self.bytes = bytes
        }

        /// No value: absent, null or empty.
        var isEmpty: Bool { kind == .absent || kind == .null || (bytes.isEmpty && kind != .other) }
    }

    @usableFromInline
    var values: InlineArray<11, Value>

    /// Fields that are all absent.
    @inlinable
    public init() { values = InlineArray(repeating: Value(.absent, UnsafeRawBufferPointer(start: nil, count: 0))) }

    /// Makes all fields absent.
    @inline(__always)
    mutating func reset() { for index in values.indices { values[index].kind = .absent } }

    /// The value of a field.
    @inlinable
    public subscript(_ field: EventField) -> Value {
        get { values[field.rawValue] }
        set { values[field.rawValue] = newValue }
    }

    /// The digits of a whole number written as `17850.0`, as data frames write the numbers of a column with gaps.
    static func withoutZeroFraction(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard bytes.count > 2, bytes[bytes.count - 1] == UInt8(ascii: "0") else { return bytes }
        var end = bytes.count
        while end > 0, bytes[end - 1] == UInt8(ascii: "0") { end -= 1 }
        guard end > 1, bytes[end - 1] == UInt8(ascii: ".") else { return bytes }
        let digits = UnsafeRawBufferPointer(rebasing: bytes[..<(end - 1)])
        return digits.isDigits ? digits : bytes
    }

    /// A value without spaces around it, no-break spaces included.
    @inline(__always)
    static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let first = bytes.first, let last = bytes.last else { return bytes }
        return isSpace(first) || isSpace(last) ? withoutSpaces(bytes) : bytes
    }

    /// Whether a space, or the first or last byte of a no-break space, may stand here.
    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0xC2 || byte == 0xA0 }

    private static func withoutSpaces(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var (from, to) = (0, bytes.count)
        while from < to {
            if bytes[from] <= 0x20 {
                from += 1
            } else if to - from >= 2, bytes[from] == 0xC2, bytes[from + 1] == 0xA0 {
                from += 2
            } else {
                break
            }
        }
        while from < to {
            if bytes[to - 1] <= 0x20 {
                to -= 1
            } else if to - from >= 2, bytes[to - 2] == 0xC2, bytes[to - 1] == 0xA0 {
                to -= 2
            } else {
                break
            }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[from..<to])
    }
}
