import Foundation

extension TextMemory {
    /// The bytes that a base64 text (RFC 4648, section 4, with padding) stands for; `nil` for what is none.
    func base64(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        Data(base64Encoded: Data(text)).map { copy($0) }
    }
}

/// Decimals as big-endian two's complement integers with a scale, as Kafka Connect and Avro have them.
enum Decimal128 {
    /// The decimal as a JSON number; `nil` beyond 16 bytes or 38 digits behind the point.
    static func text(_ unscaled: UnsafeRawBufferPointer, scale: Int, _ texts: TextMemory) -> UnsafeRawBufferPointer? {
        guard (1...16).contains(unscaled.count), (0...38).contains(scale) else { return nil }
        var value: Int128 = unscaled[0] >= 0x80 ? -1 : 0
        for byte in unscaled { value = value << 8 | Int128(byte) }
        var digits = String(value.magnitude)
        if digits.count <= scale { digits = String(repeating: "0", count: scale + 1 - digits.count) + digits }
        var text = Array((value < 0 ? "-" : "").utf8) + Array(digits.utf8.dropLast(scale))
        if scale > 0 { text += [UInt8(ascii: ".")] + Array(digits.utf8.suffix(scale)) }
        return texts.copy(text)
    }
}

extension TextMemory {
    /// An integer in decimal.
    func integer(_ value: Int64) -> UnsafeRawBufferPointer {
        take(upTo: FixedPoint.longestInteger + 8) { room in
            let start = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            return FixedPoint.writeInteger(value, to: start) - start
        }
    }
}
