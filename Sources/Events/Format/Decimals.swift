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
        var magnitude = value.magnitude
        return texts.take(upTo: 48) { room in
            // From the last digit on.
            var at = 48
            func put(_ byte: UInt8) {
                at -= 1
                room[at] = byte
            }
            var digits = 0
            repeat {
                if digits == scale, scale > 0 { put(UInt8(ascii: ".")) }
                // Nearly all fit in 64 bits, whose division is much cheaper.
                if let small = UInt64(exactly: magnitude) {
                    put(UInt8(ascii: "0") + UInt8(small % 10))
                    magnitude = UInt128(small / 10)
                } else {
                    put(UInt8(ascii: "0") + UInt8(magnitude % 10))
                    magnitude /= 10
                }
                digits += 1
            } while magnitude > 0 || digits <= scale
            if value < 0 { put(UInt8(ascii: "-")) }
            let count = 48 - at
            for place in 0..<count { room[place] = room[at + place] }
            return count
        }
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
