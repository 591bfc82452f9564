/// A position in the bytes of one JSON text. Its methods check the next token against RFC 8259 and move behind it.
package struct JSONCursor {
    /// The text; it must outlive the cursor.
    package let bytes: UnsafeRawBufferPointer
    /// The position of the next byte.
    package var at = 0

    /// How deep unknown values may nest.
    static let depthLimit = 64

    /// A cursor at the first byte.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next byte; `nil` at the end.
    @inline(__always)
    package var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    /// Moves behind spaces, tabs and line ends.
    @inline(__always)
    package mutating func skipSpace() {
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at &+= 1
        }
    }

    /// Moves behind the token if it is the next byte.
    /// - Returns: whether it was.
    @inline(__always)
    package mutating func skip(_ token: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: token) else { return false }
        at &+= 1
        return true
    }

    /// A string's content without the quotes, as it stands; the cursor is on the opening quote.
    @inline(__always)
    package mutating func string() throws(EventError) -> (raw: UnsafeRawBufferPointer, escaped: Bool) {
        guard skip("\"") else { throw error("expected a string") }
        let start = at
        var escaped = false
        while at &+ 8 <= bytes.count {
            let word = bytes.word(at)
            let found =
                WordScan.equal(word, to: UInt8(ascii: "\"")) | WordScan.equal(word, to: UInt8(ascii: "\\"))
                | WordScan.below(word, 0x20)
            if found != 0 {
                at &+= WordScan.first(found)
                break
            }
            at &+= 8
        }
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
                at &+= 1
                return (raw, escaped)
            }
            if byte < 0x20 { throw error("control character in a string") }
            if byte == UInt8(ascii: "\\") {
                escaped = true
                try skipEscape()
            } else {
                at &+= 1
            }
        }
        throw error("string without an end")
    }

    private mutating func skipEscape() throws(EventError) {
        guard at + 1 < bytes.count else { throw error("string without an end") }
        switch bytes[at + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 2
        case UInt8(ascii: "u"):
            guard let unit = hex4(at + 2) else { throw error("bad \\u escape") }
            at += 6
            if unit & 0xFC00 == 0xDC00 { throw error("low surrogate without a high one") }
            if unit & 0xFC00 == 0xD800 {
                guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u"),
                    let low = hex4(at + 2), low & 0xFC00 == 0xDC00
                else { throw error("high surrogate without a low one") }
                at += 6
            }
        default: throw error("bad escape")
        }
    }

    private func hex4(_ from: Int) -> UInt32? {
        guard from + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for at in from..<(from + 4) {
            guard let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue, bytes[at] < 0x80 else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// Writes a checked string's content with its escapes resolved; returns how many bytes that took, never more than
    /// `raw` has.
    package static func unescape(_ raw: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) -> Int {
        let cursor = JSONCursor(raw)
        var from = 0
        var to = 0
        while from < raw.count {
            guard raw[from] == UInt8(ascii: "\\") else {
                out[to] = raw[from]
                from += 1
                to += 1
                continue
            }
            let kind = raw[from + 1]
            from += 2
            switch kind {
            case UInt8(ascii: "b"): out[to] = 0x08
            case UInt8(ascii: "f"): out[to] = 0x0C
            case UInt8(ascii: "n"): out[to] = 0x0A
            case UInt8(ascii: "r"): out[to] = 0x0D
            case UInt8(ascii: "t"): out[to] = 0x09
            case UInt8(ascii: "u"):
                var scalar = cursor.hex4(from) ?? 0xFFFD
                from += 4
                if scalar & 0xFC00 == 0xD800 {
                    let low = cursor.hex4(from + 2) ?? 0xDC00
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                    from += 6
                }
                let text = UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}")
                for byte in text ?? UTF8.encodedReplacementCharacter {
                    out[to] = byte
                    to += 1
                }
                continue
            default: out[to] = kind
            }
            to += 1
        }
        return to
    }

    /// A checked string's content with its escapes resolved.
    package static func unescaped(_ raw: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: raw.count) { buffer, count in
            count = unescape(raw, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// A number's text, checked against the grammar; the cursor is on its first byte.
    @inline(__always)
    package mutating func number() throws(EventError) -> UnsafeRawBufferPointer {
        let start = at
        _ = skip("-")
        if !skip("0") { try digits() }
        if skip(".") { try digits() }
        if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
            at &+= 1
            if !skip("+") { _ = skip("-") }
            try digits()
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<at])
    }

    /// The same without an exponent; nil for anything else.
    @inline(__always)
    mutating func plainNumber() -> UnsafeRawBufferPointer? {
        let start = at
        if bytes[at] == UInt8(ascii: "-") { at &+= 1 }
        let whole = at
        while at < bytes.count, bytes[at] &- 48 < 10 { at &+= 1 }
        if at == whole || (bytes[whole] == 48 && at &- whole > 1) { return nil }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at &+= 1
            let fraction = at
            while at < bytes.count, bytes[at] &- 48 < 10 { at &+= 1 }
            if at == fraction { return nil }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") { return nil }
        return UnsafeRawBufferPointer(start: bytes.baseAddress.map { $0 + start }, count: at &- start)
    }

    private mutating func digits() throws(EventError) {
        let start = at
        while at < bytes.count, bytes[at] &- 48 < 10 { at &+= 1 }
        if at == start { throw error("malformed value") }
    }

    /// `true`, `false` or `null`.
    package mutating func literal() throws(EventError) {
        guard skip(word: "true") || skip(word: "false") || skip(word: "null") else { throw error("malformed value") }
    }

    /// Moves behind `NaN`, which JavaScript and Python write for a number that is missing, though JSON has no such value.
    /// - Returns: whether it was there.
    mutating func skipNotANumber() -> Bool { skip(word: "NaN") }

    private mutating func skip(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard at + count <= bytes.count, (0..<count).allSatisfy({ bytes[at + $0] == word.utf8Start[$0] }) else {
            return false
        }
        at += count
        return true
    }

    /// Passes over a value of any kind and checks it. Numbers that are none are let through. Objects may have several members of one name.
    /// - Parameter depth: the levels of objects and arrays that the value is in.
    /// - Throws: `EventError` for a value that is malformed or nested too deep.
    /// - Complexity: O(bytes).
    package mutating func skipValue(depth: Int = 0) throws(EventError) {
        guard depth < Self.depthLimit else { throw error("nested deeper than \(Self.depthLimit) levels") }
        skipSpace()
        switch current {
        case nil: throw error("ends too early")
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            try forEachMember { _, value throws(EventError) in try value.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            try forEachElement { element throws(EventError) in try element.skipValue(depth: depth + 1) }
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): try literal()
        default:
            if skipNotANumber() || skip(word: "Infinity") || skip(word: "-Infinity") { return }
            _ = try number()
        }
    }

    /// Moves behind space and a colon.
    @inline(__always)
    package mutating func expectColon() throws(EventError) {
        skipSpace()
        guard skip(":") else { throw error("expected :") }
    }

    /// An error of the text as a whole that names the cursor's position.
    @inline(never)
    package func error(_ what: String) -> EventError {
        EventError(field: nil, reason: "not JSON: \(what) at byte \(at)")
    }
}
