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
}
