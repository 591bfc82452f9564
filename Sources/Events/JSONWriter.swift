import Events
import Foundation

/// Writes one JSON text, compact, into bytes that can be used again. A number that JSON does not know is `null`.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether the next member or element follows another.
    private var needsComma = false

    init() {}

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "{"))
        try members(&self)
        close(UInt8(ascii: "}"))
    }

    mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        open(UInt8(ascii: "["))
        try elements(&self)
        close(UInt8(ascii: "]"))
    }

    mutating func array<Element>(of elements: some Sequence<Element>, _ body: (inout JSONWriter, Element) -> Void) {
        array { writer in for element in elements { body(&writer, element) } }
    }

    /// A member's name; its value follows.
    mutating func key(_ name: String) {
        separate()
        JSONText.appendString(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Text that has been made before: as it is.
    mutating func raw(_ text: [UInt8]) {
        separate()
        bytes += text
    }

    /// A member's name and colon, made before with the comma in front of it, which is left out where it is the first.
    mutating func preparedKey(_ text: [UInt8]) {
        if needsComma { bytes += text } else { bytes += text.dropFirst() }
        needsComma = false
    }

    /// The name as `preparedKey` takes it.
    static func prepared(_ name: String) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: ",")]
        JSONText.appendString(name, to: &text)
        return text + [UInt8(ascii: ":")]
    }

    /// More of a text that `raw` has begun.
    mutating func raw(behind text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        needsComma = true
    }

    /// A number within a text that `raw` has begun.
    mutating func value(_ value: Double) {
        needsComma = false
        number(value)
    }

    mutating func value(_ value: Float) {
        needsComma = false
        number(value)
    }

    mutating func null() { raw(Self.nullText) }

    mutating func bool(_ value: Bool) { raw(Array((value ? "true" : "false").utf8)) }

    mutating func string(_ text: String) {
        separate()
        JSONText.appendString(text, to: &bytes)
    }

    mutating func string(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    mutating func string(_ text: UnsafeRawBufferPointer) {
        separate()
        JSONText.appendString(text, to: &bytes)
    }

    mutating func integer(_ value: some BinaryInteger) {
        separate()
        FixedPoint.appendInteger(Int64(value), to: &bytes)
    }

    /// The shortest digits that read back as the same 64-bit number, as in predictions.
    mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ShortestDecimal.longest) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let count = ShortestDecimal.write(value, to: start) - start
            bytes.append(contentsOf: text[..<count])
        }
    }

    /// The shortest digits that read back as the same 32-bit number.
    mutating func number(_ value: Float) {
        guard value.isFinite else { return null() }
        if value.magnitude < 16_777_216, value == value.rounded(.towardZero), value.bitPattern != 0x8000_0000 {
            return integer(Int64(value))
        }
        separate()
        var text = value.description
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Ten-thousandths of the currency, as a decimal.
    mutating func money(_ value: Int64) {
        separate()
        FixedPoint.appendMoney(value, to: &bytes)
    }

    /// Milliseconds since 1970, in ISO 8601.
    mutating func instant(_ milliseconds: Int64?) {
        guard let milliseconds, (0...EventTime.latest).contains(milliseconds) else { return null() }
        separate()
        bytes.append(UInt8(ascii: "\""))
        EventTime.appendISO8601(milliseconds, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// A UTC day since 1970-01-01, as a date.
    mutating func day(_ day: Int32) {
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
    /// Bytes of one text.
    static func text(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        body(&writer)
        return writer.bytes
    }
}
