/// Appends numbers and bytes in the notation of checkpoints: little-endian words, and LEB128 for what is mostly small.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public var count: Int { bytes.count }

    /// Forgets what was written and keeps the room for it.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Gives away what was written.
    public mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// An unsigned number, seven bits a byte, the lowest first.
    @inlinable
    public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// A signed number, folded so that small magnitudes are short (zigzag).
    @inlinable
    public mutating func signed(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    @inlinable
    public mutating func word64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    @inlinable
    public mutating func word32(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    /// A count and that many bytes.
    @inlinable
    public mutating func counted(_ content: UnsafeRawBufferPointer) {
        varint(UInt64(content.count))
        append(content)
    }

    public mutating func counted(_ text: String) {
        var text = text
        text.withUTF8 { counted(UnsafeRawBufferPointer($0)) }
    }

    @inlinable
    public mutating func append(_ content: UnsafeRawBufferPointer) { appendBytes(content) }

    @usableFromInline
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    @usableFromInline
    mutating func appendBytes(_ content: UnsafeRawBufferPointer) { bytes.append(contentsOf: content) }
}
