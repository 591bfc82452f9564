/// Writes events as JSON messages under the shop's own field names: the counterpart of `EventDecoder`.
public struct EventEncoder: Sendable {
    private let keys: [[UInt8]]

    public init(names: FieldNames = FieldNames()) {
        keys = EventField.allCases.map { field in
            var key: [UInt8] = field.rawValue == 0 ? [] : [UInt8(ascii: ",")]
            JSONText.appendString(names[field], to: &key)
            key.append(UInt8(ascii: ":"))
            return key
        }
    }

    /// Appends one message.
    ///
    /// Values keep the form that they came in; CSV texts become strings, numbers and ISO 8601 times where they are such,
    /// and stay strings where they are not: what was broken before is broken in the same way after.
    public func append(_ fields: EventFields, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "{"))
        for field in EventField.allCases {
            let value = fields[field]
            out.append(contentsOf: keys[field.rawValue])
            switch value.kind {
            case .absent, .null: out.append(contentsOf: "null".utf8)
            case .number, .other: out.append(contentsOf: value.bytes)
            case .string: JSONText.appendString(value.bytes, to: &out)
            case .text: append(text: value.bytes, of: field, to: &out)
            }
        }
        out.append(UInt8(ascii: "}"))
    }

    private func append(text: UnsafeRawBufferPointer, of field: EventField, to out: inout [UInt8]) {
        if text.isEmpty, !field.isNeeded || field == .customerID {
            out.append(contentsOf: "null".utf8)
            return
        }
        switch field {
        case .quantity, .unitPrice:
            if FixedPoint.parse(text, digits: 0) != nil {
                out.append(contentsOf: text)
                return
            }
        case .invoiceDate:
            if let time = EventTime.parseISO8601(text) ?? EventTime.parseMonthDayYear(text) {
                out.append(UInt8(ascii: "\""))
                EventTime.appendISO8601(time, to: &out)
                out.append(UInt8(ascii: "\""))
                return
            }
        default: break
        }
        JSONText.appendString(text, to: &out)
    }
}
