/// Reads what `ByteWriter` wrote. Whatever the bytes are, it throws or returns; it never reads beyond them.
public struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// - Parameter bytes: must outlive the reader.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var position: Int { at }
    /// The byte that comes next.
    public var first: UInt8? { isAtEnd ? nil : bytes[at] }
    public var remaining: Int { bytes.count - at }
    public var isAtEnd: Bool { at == bytes.count }

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

    public mutating func signed() throws(StateError) -> Int64 {
        let folded = try varint()
        return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
    }

    /// A number that fits 32 bits.
    mutating func signed32() throws(StateError) -> Int32 {
        guard let value = Int32(exactly: try signed()) else { throw StateError("a number of more than 32 bits") }
        return value
    }

    /// A count of things that take at least so many bytes each, so that a wrong one cannot ask for endless memory.
    public mutating func count(ofAtLeast bytesEach: Int) throws(StateError) -> Int {
        let count = try varint()
        guard count <= UInt64(remaining / max(bytesEach, 1)) else { throw .truncated }
        return Int(count)
    }

    public mutating func word64() throws(StateError) -> UInt64 {
        let word = try take(8)
        return UInt64(littleEndian: word.loadUnaligned(as: UInt64.self))
    }

    public mutating func word32() throws(StateError) -> UInt32 {
        let word = try take(4)
        return UInt32(littleEndian: word.loadUnaligned(as: UInt32.self))
    }

    /// A count and that many bytes; they stay where they are.
    public mutating func counted() throws(StateError) -> UnsafeRawBufferPointer {
        try take(try count(ofAtLeast: 1))
    }

    public mutating func text() throws(StateError) -> String { String(decoding: try counted(), as: UTF8.self) }

    public mutating func take(_ count: Int) throws(StateError) -> UnsafeRawBufferPointer {
        guard count <= remaining else { throw .truncated }
        defer { at += count }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
    }
}

extension [UInt8] {
    /// Lends a reader of these bytes.
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

/// Why bytes are no state.
public struct StateError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    static let truncated = StateError("ends too early")
}
