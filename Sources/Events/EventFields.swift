/// One event's fields as they stood in the message or row, before they are understood.
///
/// The bytes are borrowed: they stay valid until the reader or scanner that made them is asked for the next event.
public struct EventFields {
    /// How a field was written.
    public enum Kind: UInt8, Sendable {
        /// Not there at all.
        case absent
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

    public struct Value {
        public var kind: Kind
        public var bytes: UnsafeRawBufferPointer

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

    @inlinable
    public init() { values = InlineArray(repeating: Value(.absent, UnsafeRawBufferPointer(start: nil, count: 0))) }

    @inlinable
    public subscript(_ field: EventField) -> Value {
        get { values[field.rawValue] }
        set { values[field.rawValue] = newValue }
    }

    /// A CSV field as it is meant: without spaces around it, an identifier without a `.0` behind it. Free text stays.
    static func normalised(_ field: EventField, _ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        switch field {
        case .description, .country: text
        case .customerID, .invoiceNo, .stockCode: withoutZeroFraction(trimmed(text))
        case .quantity, .invoiceDate, .unitPrice: trimmed(text)
        }
    }

    /// Data frames write whole numbers in a column with gaps as `17850.0`; the digits alone are meant.
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
