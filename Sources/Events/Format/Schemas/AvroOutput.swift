/// Writes values in Avro's binary encoding, one behind the other, into memory that is large enough.
package struct AvroOutput {
    /// The address behind the last byte.
    package private(set) var at: UnsafeMutablePointer<UInt8>

    /// Most bytes of a number, and of the length before a text.
    package static let longestNumber = 10

    /// An output that begins at an address.
    package init(to start: UnsafeMutablePointer<UInt8>) { at = start }

    /// The frame that names the schema of a message in a registry; see `MessageFraming.confluent`.
    package mutating func frame(schema: UInt32) {
        at[0] = 0
        for byte in 0..<4 { at[1 + byte] = UInt8(truncatingIfNeeded: schema >> (24 - 8 * UInt32(byte))) }
        at += 5
    }

    /// An int or long, the number of a union's branch or an enum's symbol, the count of a block.
    package mutating func long(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest >= 0x80 {
            at[0] = UInt8(truncatingIfNeeded: rest) | 0x80
            at += 1
            rest >>= 7
        }
        at[0] = UInt8(rest)
        at += 1
    }

    /// A boolean.
    package mutating func boolean(_ value: Bool) {
        at[0] = value ? 1 : 0
        at += 1
    }

    /// A double.
    package mutating func double(_ value: Double) {
        UnsafeMutableRawPointer(at).storeBytes(of: value.bitPattern.littleEndian, as: UInt64.self)
        at += 8
    }

    /// A float.
    package mutating func float(_ value: Float) {
        UnsafeMutableRawPointer(at).storeBytes(of: value.bitPattern.littleEndian, as: UInt32.self)
        at += 4
    }

    /// A string, or bytes.
    package mutating func string(_ bytes: UnsafeRawBufferPointer) {
        long(Int64(bytes.count))
        if let start = bytes.baseAddress { UnsafeMutableRawPointer(at).copyMemory(from: start, byteCount: bytes.count) }
        at += bytes.count
    }

    /// A string.
    package mutating func string(_ text: [UInt8]) { text.withUnsafeBytes { string($0) } }
}
