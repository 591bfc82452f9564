/// How the characters of a file are encoded.
package enum TextEncoding: String, CaseIterable, Sendable {
    /// UTF-8; a file that begins with the mark of UTF-16 is read as that.
    case utf8 = "utf-8"
    /// Western European Windows, which holds Latin-1.
    case windows1252 = "windows-1252"
}

/// Turns a file's characters into UTF-8 piece by piece.
struct Transcoder {
    private enum Source {
        case windows1252
        case utf16(isBigEndian: Bool)
    }

    /// What the bytes 0x80 to 0x9F stand for in Windows-1252 (WHATWG Encoding); the others are the code points of their
    /// values.
    private static let windowsLetters: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
        0x017D,
        0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153,
        0x9D,
        0x017E, 0x0178,
    ]

    private let source: Source

    /// - Parameter head: how the file begins.
    /// - Returns: `nil` for a file that is UTF-8.
    init?(_ encoding: TextEncoding, head: UnsafeRawBufferPointer) {
        if head.starts(with: [0xFF, 0xFE]) {
            source = .utf16(isBigEndian: false)
        } else if head.starts(with: [0xFE, 0xFF]) {
            source = .utf16(isBigEndian: true)
        } else if encoding == .windows1252 {
            source = .windows1252
        } else {
            return nil
        }
    }

    /// Turns as many characters as there is room for.
    /// - Returns: how many bytes have been used and written. What is left of an unfinished character is not used.
    func transcode(_ input: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> (
        used: Int, written: Int
    ) {
        var (used, written) = (0, 0)
        while written + 4 <= buffer.count, let (scalar, count) = character(in: input, at: used) {
            for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                buffer[written] = byte
                written += 1
            }
            used += count
        }
        return (used, written)
    }

    /// The character at a place, and its bytes; `nil` where it is not whole. What is none becomes U+FFFD.
    private func character(in input: UnsafeRawBufferPointer, at: Int) -> (Unicode.Scalar, Int)? {
        switch source {
        case .windows1252:
            guard at < input.count else { return nil }
            let byte = input[at]
            let value = byte & 0xE0 == 0x80 ? Self.windowsLetters[Int(byte - 0x80)] : UInt16(byte)
            return (Unicode.Scalar(value) ?? "\u{FFFD}", 1)
        case .utf16(let isBigEndian):
            func unit(_ at: Int) -> UInt32? {
                guard at + 1 < input.count else { return nil }
                let (first, second) = (UInt32(input[at]), UInt32(input[at + 1]))
                return isBigEndian ? first << 8 | second : second << 8 | first
            }
            guard let high = unit(at) else { return nil }
            guard high & 0xFC00 == 0xD800 else { return (Unicode.Scalar(high) ?? "\u{FFFD}", 2) }
            guard let low = unit(at + 2) else { return nil }
            guard low & 0xFC00 == 0xDC00 else { return ("\u{FFFD}", 2) }
            return (Unicode.Scalar(0x10000 + (high & 0x3FF) << 10 + (low & 0x3FF)) ?? "\u{FFFD}", 4)
        }
    }
}
