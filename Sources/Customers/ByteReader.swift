/// Reads what `ByteWriter` wrote. For any bytes it returns or throws `StateError`; it never reads beyond them.
///
/// Public because a checkpoint has several million numbers, which other modules must read without calls.
public struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// A reader at the first byte.
    /// - Parameter bytes: must outlive the reader.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var position: Int { at }
    /// The next byte, which stays unread; `nil` at the end.
    public var first: UInt8? { isAtEnd ? nil : bytes[at] }
    /// Bytes still unread.
    public var remaining: Int { bytes.count - at }
    /// Whether all bytes are read.
    public var isAtEnd: Bool { at == bytes.count }

    /// An unsigned number of up to 64 bits in LEB128.
    public mutating func varint() throws(StateError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard at < bytes.count else { throw .truncated }
            let byte = bytes[at]
            at += 1
            // The tenth byte holds the one bit that is left.
            guard shift < 63 || byte <= 1 else { throw StateError("a number of more than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { throw StateError("a number of more than 64 bits") }
        }
    }

    /// A signed number in zigzag LEB128.
    public mutating func signed() throws(StateError) -> Int64 {
        let folded = try varint()
        return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
    }

    /// A signed number of at most 32 bits.
    mutating func signed32() throws(StateError) -> Int32 {
        guard let value = Int32(exactly: try signed()) else { throw StateError("a number of more than 32 bits") }
        return value
    }

    /// A count of elements. Throws when the rest has no room for them, so that damaged bytes cannot make a caller reserve
    /// arbitrary memory.
    /// - Parameter bytesEach: the least bytes of an element.
    public mutating func count(ofAtLeast bytesEach: Int) throws(StateError) -> Int {
        let count = try varint()
        guard count <= UInt64(remaining / max(bytesEach, 1)) else { throw .truncated }
        return Int(count)
    }

    /// Eight bytes, little-endian.
    public mutating func word64() throws(StateError) -> UInt64 {
        let word = try take(8)
        return UInt64(littleEndian: word.loadUnaligned(as: UInt64.self))
    }

    /// Four bytes, little-endian.
    public mutating func word32() throws(StateError) -> UInt32 {
        let word = try take(4)
        return UInt32(littleEndian: word.loadUnaligned(as: UInt32.self))
    }

    /// A count and that many bytes, which are not copied.
    public mutating func counted() throws(StateError) -> UnsafeRawBufferPointer {
        try take(try count(ofAtLeast: 1))
    }

    /// A counted text; invalid UTF-8 is repaired.
    public mutating func text() throws(StateError) -> String { String(decoding: try counted(), as: UTF8.self) }

    /// So many bytes, which are not copied.
    public mutating func take(_ count: Int) throws(StateError) -> UnsafeRawBufferPointer {
        guard count <= remaining else { throw .truncated }
        defer { at += count }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
    }
}

extension [UInt8] {
    /// Calls the body with a reader of these bytes, which is valid during the call only.
    public func withReader<Result>(
        _ body: (inout ByteReader) throws(StateError) -> Result
    ) throws(StateError) -> Result {
        try withUnsafeBytes { bytes in
            Swift.Result { () throws(StateError) in
                var reader = ByteReader(bytes)
                return try body(&reader)
            }
        }.get()
    }
}

/// Why bytes cannot be decoded as a state or another part of a checkpoint.
public struct StateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, as part of a sentence.
    public let description: String

    /// - Parameter description: what is wrong, as part of a sentence.
    public init(_ description: String) { self.description = description }

    static let truncated = StateError("ends too early")
}
