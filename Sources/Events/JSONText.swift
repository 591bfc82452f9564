/// Writes JSON strings, with the same escapes wherever the program writes one.
public enum JSONText {
    /// Appends a quoted string: only `"`, `\` and control characters are escaped; bytes that are not UTF-8 become U+FFFD.
    public static func appendString(_ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        if isPlain(bytes) {
            out.append(contentsOf: bytes)
        } else if isValidUTF8(bytes) {
            for byte in bytes { appendEscaped(byte, to: &out) }
        } else {
            for byte in String(decoding: bytes, as: UTF8.self).utf8 { appendEscaped(byte, to: &out) }
        }
        out.append(UInt8(ascii: "\""))
    }

    /// Writes a quoted string into memory with room for `longestString(of:)` bytes.
    /// - Returns: the address behind the last byte.
    public static func writeString(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>)
        -> UnsafeMutablePointer<UInt8>
    {
        let count = bytes.count
        guard isPlain(bytes) else {
            var text: [UInt8] = []
            appendString(bytes, to: &text)
            text.withUnsafeBufferPointer { out.update(from: $0.baseAddress.unsafelyUnwrapped, count: $0.count) }
            return out + text.count
        }
        out[0] = UInt8(ascii: "\"")
        if let base = bytes.baseAddress { UnsafeMutableRawPointer(out + 1).copyMemory(from: base, byteCount: count) }
        out[count + 1] = UInt8(ascii: "\"")
        return out + (count + 2)
    }

    /// The most bytes that a quoted string of `count` bytes takes.
    public static func longestString(of count: Int) -> Int { 6 * count + 2 }

    /// Whether the bytes are ASCII and need no escapes.
    @inline(__always)
    private static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at &+ 8 <= bytes.count {
            let word = bytes.word(at)
            let found =
                WordScan.equal(word, to: UInt8(ascii: "\"")) | WordScan.equal(word, to: UInt8(ascii: "\\"))
                | WordScan.below(word, 0x20) | WordScan.notASCII(word)
            if found != 0 { return false }
            at &+= 8
        }
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
            at &+= 1
        }
        return true
    }

    /// Appends a quoted string.
    public static func appendString(_ text: String, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendString(UnsafeRawBufferPointer($0), to: &out) }
    }

    private static func appendEscaped(_ byte: UInt8, to out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            out.append(UInt8(ascii: "\\"))
            out.append(byte)
        case 0x0A: out.append(contentsOf: "\\n".utf8)
        case 0x0D: out.append(contentsOf: "\\r".utf8)
        case 0x09: out.append(contentsOf: "\\t".utf8)
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            out.append(contentsOf: "\\u00".utf8)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        default: out.append(byte)
        }
    }
}
