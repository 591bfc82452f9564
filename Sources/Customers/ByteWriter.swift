/// Appends numbers and bytes in the encoding of checkpoints: little-endian words, and LEB128 for mostly small numbers.
///
/// Public because a checkpoint has several million numbers, which other modules must write without calls.
public struct ByteWriter: Sendable {
    /// The bytes written so far.
    public private(set) var bytes: [UInt8] = []

    /// A writer without bytes.
    public init() {}

    /// How many bytes are written.
    public var count: Int { bytes.count }

    /// Drops the bytes and keeps their memory for the next ones.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Returns the bytes and leaves the writer empty.
    public mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Appends an unsigned number in LEB128: seven bits a byte, the lowest first.
    @inlinable
    public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a signed number in zigzag LEB128, which keeps small magnitudes short.
    @inlinable
    public mutating func signed(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Appends eight bytes, little-endian.
    @inlinable
    public mutating func word64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    /// Appends four bytes, little-endian.
    @inlinable
    public mutating func word32(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    /// Appends a count and that many bytes.
    @inlinable
    public mutating func counted(_ content: UnsafeRawBufferPointer) {
        varint(UInt64(content.count))
        append(content)
    }

    /// Appends a text's count of UTF-8 bytes and these.
    public mutating func counted(_ text: String) {
        var text = text
        text.withUTF8 { counted(UnsafeRawBufferPointer($0)) }
    }

    /// Appends bytes as they are.
    @inlinable
    public mutating func append(_ content: UnsafeRawBufferPointer) { appendBytes(content) }

    @usableFromInline
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    @usableFromInline
    mutating func appendBytes(_ content: UnsafeRawBufferPointer) { bytes.append(contentsOf: content) }
}
