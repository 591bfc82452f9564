/// A cursor over digits and separators.
struct Digits {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func skip(_ separator: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: separator) else { return false }
        at += 1
        return true
    }

    /// Moves behind a word of lower-case ASCII letters, whatever their case.
    mutating func skip(word: [UInt8]) -> Bool {
        guard at + word.count <= bytes.count, word.indices.allSatisfy({ bytes[at + $0] | 0x20 == word[$0] }) else {
            return false
        }
        at += word.count
        return true
    }

    mutating func upTo(_ most: Int) -> Int? {
        var value = 0
        var count = 0
        while count < most, at < bytes.count, bytes[at] &- 48 < 10 {
            value = value * 10 + Int(bytes[at] &- 48)
            at += 1
            count += 1
        }
        return count > 0 ? value : nil
    }

    mutating func fixed(_ width: Int) -> Int? {
        let start = at
        guard let value = upTo(width), at - start == width else { return nil }
        return value
    }

    /// `HH:MM` or `HH:MM:SS`, in milliseconds since midnight.
    mutating func clock(hourDigits: Int?) -> Int? {
        guard let hour = hourDigits.map({ fixed($0) }) ?? upTo(2), hour < 24, skip(":"), let minute = fixed(2),
            minute < 60
        else { return nil }
        var second = 0
        if skip(":") {
            guard let seconds = fixed(2), seconds < 60 else { return nil }
            second = seconds
        }
        return (hour * 3600 + minute * 60 + second) * 1000
    }

    /// Digits after the point; what is finer than a millisecond is cut off.
    mutating func fractionMilliseconds() -> Int? {
        var value = 0
        var count = 0
        while at < bytes.count, bytes[at] &- 48 < 10 {
            if count < 3 { value = value * 10 + Int(bytes[at] &- 48) }
            count += 1
            at += 1
        }
        guard count > 0 else { return nil }
        for _ in min(count, 3)..<3 { value *= 10 }
        return value
    }
}
