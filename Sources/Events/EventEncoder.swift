/// Writes events as JSON messages under the shop's own field names: the counterpart of `EventDecoder`.
package struct EventEncoder: Sendable {
    private typealias Field = (field: EventField, key: [UInt8])

    private let fields: [Field]
    private let format: EventFormat
    /// The name of the array of lines; `nil` where each event is a message.
    private let lines: [UInt8]?
    private static let ofTheLine: Set<EventField> = [.stockCode, .description, .quantity, .unitPrice, .lineTotal]

    /// An encoder of flat messages or of orders, whose fields have the last names of the format's paths.
    package init(format: EventFormat = EventFormat()) {
        self.format = format
        fields = EventField.allCases.compactMap { field in
            guard case .member(let name) = FieldPath(format.fields[field])?.steps.last else { return nil }
            return (field, JSONWriter.prepared(String(decoding: name, as: UTF8.self)))
        }
        if case .member(let name) = format.lines?.steps.last {
            lines = JSONWriter.prepared(String(decoding: name, as: UTF8.self))
        } else {
            lines = nil
        }
    }

    /// Whether messages are orders with an array of lines, in the format.
    var writesOrders: Bool { lines != nil }

    /// Appends an order of these lines, whose customer, invoice, time and country are those of the first one.
    /// - Parameter next: gives the next line; `nil` behind the last one.
    /// - Precondition: `writesOrders`.
    func append(orderOf first: EventFields, to out: inout [UInt8], next: () -> EventFields?) {
        JSONWriter.append(to: &out) { writer in
            writer.object { writer in
                write(first, fields.filter { !Self.ofTheLine.contains($0.field) }, to: &writer)
                writer.preparedKey(lines.unsafelyUnwrapped)
                writer.array { writer in
                    var line: EventFields? = first
                    while let values = line {
                        writer.object { write(values, fields.filter { Self.ofTheLine.contains($0.field) }, to: &$0) }
                        line = next()
                    }
                }
            }
        }
    }

    /// Appends one message.
    ///
    /// Values keep the form that they were read in. Of CSV texts, those that are numbers and times become JSON numbers and
    /// ISO 8601 strings; others stay strings, so that a malformed field stays malformed.
    /// - Complexity: O(bytes).
    package func append(_ values: EventFields, to out: inout [UInt8]) {
        JSONWriter.append(to: &out) { writer in
            writer.object { write(values, fields, to: &$0) }
        }
    }

    private func write(_ values: EventFields, _ fields: [Field], to writer: inout JSONWriter) {
        for (field, key) in fields {
            let value = values[field]
            writer.preparedKey(key)
            switch value.kind {
            case .absent, .null: writer.null()
            case .number, .instant, .other: writer.raw(value.bytes)
            case .string: writer.string(value.bytes)
            case .text: write(text: value.bytes, of: field, to: &writer)
            }
        }
    }

    private func write(text: UnsafeRawBufferPointer, of field: EventField, to writer: inout JSONWriter) {
        switch field {
        case .description, .country:
            if text.isEmpty { writer.null() } else { writer.string(text) }
        case .quantity, .unitPrice, .lineTotal:
            let number = EventFields.trimmed(text)
            if FixedPoint.parse(number, digits: 0) != nil { writer.raw(number) } else { writer.string(number) }
        case .invoiceDate:
            let time = EventFields.trimmed(text)
            if format.time == .automatic, format.timeZone == "UTC", let instant = EventTime.parseISO8601(time) {
                writer.instant(instant)
            } else {
                writer.string(time)
            }
        default:
            let identifier = EventFields.withoutZeroFraction(EventFields.trimmed(text))
            if identifier.isEmpty, field == .customerID { writer.null() } else { writer.string(identifier) }
        }
    }
}
