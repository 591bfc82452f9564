/// Reads binary values one after the other. Never reads beyond its bytes.
struct BinaryCursor {
    private(set) var bytes: UnsafeRawBufferPointer
    private(set) var at = 0
    /// What the bytes are of, for errors: `Avro` or `Protobuf`.
    private let format: StaticString

    init(_ bytes: UnsafeRawBufferPointer, format: StaticString) {
        self.bytes = bytes
        self.format = format
    }

    var isAtEnd: Bool { at == bytes.count }
    var remaining: Int { bytes.count - at }

    func error(_ reason: String) -> EventError {
        EventError(field: nil, reason: "not \(format) of this schema: \(reason) at byte \(at)")
    }

    /// An unsigned number in base 128, low groups first.
    mutating func varint() throws(EventError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            guard at < bytes.count else { throw error("ends too early") }
            let byte = bytes[at]
            at += 1
            // The tenth byte holds one bit.
            guard shift < 63 || byte <= 1 else { throw error("a number of more than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw error("a number of more than 64 bits")
    }

    /// A signed number, small magnitudes first.
    mutating func zigzag() throws(EventError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ (0 - Int64(bitPattern: value & 1))
    }

    mutating func word32() throws(EventError) -> UInt32 {
        guard remaining >= 4 else { throw error("ends too early") }
        defer { at += 4 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }

    mutating func word64() throws(EventError) -> UInt64 {
        guard remaining >= 8 else { throw error("ends too early") }
        defer { at += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    mutating func byte() throws(EventError) -> UInt8 {
        guard at < bytes.count else { throw error("ends too early") }
        defer { at += 1 }
        return bytes[at]
    }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws(EventError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw error("ends too early") }
        defer { at += count }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)])
    }

    /// Bytes behind their count.
    mutating func counted(_ count: UInt64) throws(EventError) -> UnsafeRawBufferPointer {
        guard count <= UInt64(remaining) else { throw error("ends too early") }
        return try take(Int(count))
    }
}
