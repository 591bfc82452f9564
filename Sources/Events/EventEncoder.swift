/// Writes events as JSON messages under the shop's own field names: the counterpart of `EventDecoder`.
package struct EventEncoder: Sendable {
    private let keys: [[UInt8]]

    /// - Parameter names: the names of the messages' fields.
    package init(names: FieldNames = FieldNames()) {
        keys = EventField.allCases.map { JSONWriter.prepared(names[$0]) }
    }

    /// Appends one message.
    ///
    /// Values keep the form that they were read in. Of CSV texts, those that are numbers and times become JSON numbers and
    /// ISO 8601 strings; others stay strings, so that a malformed field stays malformed.
    /// - Complexity: O(bytes).
    package func append(_ fields: EventFields, to out: inout [UInt8]) {
        JSONWriter.append(to: &out) { writer in
            writer.object { writer in
                for field in EventField.allCases {
                    let value = fields[field]
                    writer.preparedKey(keys[field.rawValue])
                    switch value.kind {
                    case .absent, .null: writer.null()
                    case .number, .other: writer.raw(value.bytes)
                    case .string: writer.string(value.bytes)
                    case .text: Self.write(text: value.bytes, of: field, to: &writer)
                    }
                }
            }
        }
    }

    private static func write(text: UnsafeRawBufferPointer, of field: EventField, to writer: inout JSONWriter) {
        if text.isEmpty, !field.isNeeded || field == .customerID { return writer.null() }
        switch field {
        case .quantity, .unitPrice:
            if FixedPoint.parse(text, digits: 0) != nil { writer.raw(text) } else { writer.string(text) }
        case .invoiceDate:
            let time = EventTime.parseISO8601(text) ?? EventTime.parseMonthDayYear(text)
            if let time { writer.instant(time) } else { writer.string(text) }
        default: writer.string(text)
        }
    }
}
