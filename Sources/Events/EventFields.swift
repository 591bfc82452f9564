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
    var values: InlineArray<8, Value>

    /// Fields that are all absent.
    @inlinable
    public init() { values = InlineArray(repeating: Value(.absent, UnsafeRawBufferPointer(start: nil, count: 0))) }

    /// The value of a field.
    @inlinable
    public subscript(_ field: EventField) -> Value {
        get { values[field.rawValue] }
        set { values[field.rawValue] = newValue }
    }

    /// A CSV cell without spaces around it, and an identifier without `.0` at its end. Free text is not changed.
    static func normalised(_ field: EventField, _ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        switch field {
        case .description, .country: text
        case .customerID, .invoiceNo, .stockCode: withoutZeroFraction(trimmed(text))
        case .quantity, .invoiceDate, .unitPrice: trimmed(text)
        }
    }

    /// The digits of a whole number written as `17850.0`, as data frames write the numbers of a column with gaps.
    static func withoutZeroFraction(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let digits = UnsafeRawBufferPointer(rebasing: bytes.dropLast(2))
        guard !digits.isEmpty, bytes[bytes.count - 1] == UInt8(ascii: "0"), bytes[bytes.count - 2] == UInt8(ascii: "."),
            digits.isDigits
        else { return bytes }
        return digits
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var from = 0
        var to = bytes.count
        while from < to, bytes[from] == 32 { from += 1 }
        while to > from, bytes[to - 1] == 32 { to -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[from..<to])
    }
}
