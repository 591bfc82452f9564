/// Reading JSON numbers as 32-bit floats, rounded once.
enum DecimalText {
    private static let powers: InlineArray<23, Double> = InlineArray { index in
        var power = 1.0
        for _ in 0..<index { power *= 10 }
        return power
    }

    /// The nearest float; `nil` beyond the largest one.
    ///
    /// Up to nineteen digits without an exponent are a whole number and one division: a 64-bit number that is off by two units
    /// in its last place at most. What that gives is rounded to 32 bits unless it lies so near the middle between two of
    /// them that this could matter. After Clinger, "How to Read Floating Point Numbers Accurately" (1990).
    /// - Parameter text: checked against JSON's grammar.
    static func float(_ text: UnsafeRawBufferPointer) -> Float? {
        if let value = plain(text) { return value }
        let value = Float(String(decoding: text, as: UTF8.self))
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    @inline(__always)
    private static func plain(_ text: UnsafeRawBufferPointer) -> Float? {
        // A sign, a point and digits that 64 bits can hold.
        guard text.count <= 20 else { return nil }
        var digits: UInt64 = 0
        var (count, places) = (0, -1)
        var at = text.first == UInt8(ascii: "-") ? 1 : 0
        let isNegative = at == 1
        while at < text.count {
            let byte = text[at]
            if byte &- 48 < 10 {
                digits = digits &* 10 &+ UInt64(byte &- 48)
                count += 1
                if places >= 0 { places += 1 }
            } else if byte == UInt8(ascii: ".") {
                places = 0
            } else {
                return nil
            }
            at += 1
        }
        guard count <= 19 else { return nil }
        let value = Double(digits) / powers[max(places, 0)]
        // Of the bits that 32 cut off, one half and what is near it.
        let cut = value.bitPattern & 0x1FFF_FFFF
        if cut &- 0x0FFF_FFFC <= 8 { return nil }
        return Float(isNegative ? -value : value)
    }
}
