/// Writes one JSON text without spaces, and with the commas between members and elements. A number that JSON has no notation
/// for is `null`.
package struct JSONWriter: Sendable {
    /// The text written so far.
    package private(set) var bytes: [UInt8] = []
    /// Whether the next member or element follows another.
    private var needsComma = false

    /// A writer without text.
    package init() {}

    /// Drops the text and keeps its memory for the next one.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// Writes an object; the body writes its members, each as a key and a value.
    package mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "{"))
        try members(&self)
        close(UInt8(ascii: "}"))
    }

    /// Writes an array; the body writes its elements.
    package mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "["))
        try elements(&self)
        close(UInt8(ascii: "]"))
    }

    /// Writes an array; the body is called with each element to write it.
    package mutating func array<Element>(
        of elements: some Sequence<Element>, _ body: (inout JSONWriter, Element) -> Void
    ) {
        array { writer in for element in elements { body(&writer, element) } }
    }

    /// Writes a member's name. The caller writes the value next.
    package mutating func key(_ name: String) {
        separate()
        JSONText.appendString(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a value that is JSON already, or the beginning of one.
    package mutating func raw(_ text: [UInt8]) {
        separate()
        bytes += text
    }

    /// Writes a value that is JSON already.
    package mutating func raw(_ text: UnsafeRawBufferPointer) {
        separate()
        bytes.append(contentsOf: text)
    }

    /// Writes a member's name that `prepared` has made.
    package mutating func preparedKey(_ text: [UInt8]) {
        if needsComma { bytes += text } else { bytes += text.dropFirst() }
        needsComma = false
    }

    /// A member's name for `preparedKey`: a comma, which is left out before the first member, the quoted name and a colon.
    package static func prepared(_ name: String) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: ",")]
        JSONText.appendString(name, to: &text)
        return text + [UInt8(ascii: ":")]
    }

    /// Writes more of a value that `raw` has begun.
    package mutating func raw(behind text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        needsComma = true
    }

    /// Writes a number in a value that `raw` has begun.
    package mutating func value(_ value: Double) {
        needsComma = false
        number(value)
    }

    /// Writes a number in a value that `raw` has begun.
    package mutating func value(_ value: Float) {
        needsComma = false
        number(value)
    }

    /// Writes `null`.
    package mutating func null() { raw(Self.nullText) }

    /// Writes `true` or `false`.
    package mutating func bool(_ value: Bool) { raw(Array((value ? "true" : "false").utf8)) }

    /// Writes a string.
    package mutating func string(_ text: String) {
        separate()
        JSONText.appendString(text, to: &bytes)
    }

    /// Writes a string, or `null`.
    package mutating func string(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    /// Writes a string of UTF-8 bytes; bytes that are not UTF-8 become U+FFFD.
    package mutating func string(_ text: UnsafeRawBufferPointer) {
        separate()
        JSONText.appendString(text, to: &bytes)
    }

    /// Writes a whole number.
    package mutating func integer(_ value: Int64) {
        separate()
        FixedPoint.appendInteger(value, to: &bytes)
    }

    /// Writes a whole number.
    package mutating func integer(_ value: Int) { integer(Int64(value)) }

    /// Writes a whole number.
    package mutating func integer(_ value: Int32) { integer(Int64(value)) }

    /// Writes the shortest digits that read back as the same 64-bit number, as in predictions.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ShortestDecimal.longest) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let count = ShortestDecimal.write(value, to: start) - start
            bytes.append(contentsOf: text[..<count])
        }
    }

    /// Writes the shortest digits that read back as the same 32-bit number.
    package mutating func number(_ value: Float) {
        guard value.isFinite else { return null() }
        if value.magnitude < 16_777_216, value == value.rounded(.towardZero), value.bitPattern != 0x8000_0000 {
            return integer(Int64(value))
        }
        separate()
        var text = value.description
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Writes ten-thousandths of the currency as a decimal.
    package mutating func money(_ value: Int64) {
        separate()
        FixedPoint.appendMoney(value, to: &bytes)
    }

    /// Writes milliseconds since 1970 as a string in ISO 8601; `null` for none and for those beyond the year 9999.
    package mutating func instant(_ milliseconds: Int64?) {
        guard let milliseconds, (0...EventTime.latest).contains(milliseconds) else { return null() }
        separate()
        bytes.append(UInt8(ascii: "\""))
        EventTime.appendISO8601(milliseconds, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a UTC day since 1970-01-01 as a string `YYYY-MM-DD`.
    package mutating func day(_ day: Int32) {
        let date = EventTime.date(ofDay: Int(day))
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        string("\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))")
    }

    private static let nullText = Array("null".utf8)

    @inline(__always)
    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }
}

extension JSONWriter {
    /// The text that the body writes.
    package static func text(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        body(&writer)
        return writer.bytes
    }

    /// Appends the text that the body writes to other bytes, in their memory.
    package static func append(to out: inout [UInt8], _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        swap(&writer.bytes, &out)
        body(&writer)
        swap(&writer.bytes, &out)
    }
}
