/// How the values of one field are understood in a format, by the code that decodes events. Belongs to one thread.
package final class FieldTrial {
    /// What a value is understood as.
    package enum Reading: Equatable {
        case text(String)
        /// Milliseconds since 1970.
        case time(Int64)
        case number(Double)
        /// There is none, or a word that stands for none.
        case missing
        /// - Parameter reason: why it cannot be read.
        case refused(reason: String)
    }

    private let field: EventField
    private let texts = TextMemory()
    private let parser: FieldParser
    private let reader: StructuredReader
    private let fields = UnsafeMutablePointer<EventFields>.allocate(capacity: 1)

    /// A trial of the field at its path in the format.
    package init(_ field: EventField, in format: EventFormat) {
        self.field = field
        var format = format
        for other in EventField.allCases where other != field { format.fields[other] = "" }
        parser = FieldParser(format, texts: texts)
        reader = StructuredReader(format, texts: texts)
        fields.initialize(to: EventFields())
    }

    deinit { fields.deallocate() }

    /// What the field's values in a message are, as they are written and as they are understood; none for a message that cannot
    /// be read or says nothing that counts.
    package func readings(in message: UnsafeRawBufferPointer) -> [(written: String, reading: Reading)] {
        texts.forget()
        var found: [(written: String, reading: Reading)] = []
        do throws(EventError) {
            try reader.read(message, into: fields) { () throws(EventError) in
                let value = fields.pointee[field]
                found.append((value.kind == .absent ? "" : printable(value.bytes), reading(value)))
            }
        } catch {
            return []
        }
        return found
    }

    private func reading(_ value: EventFields.Value) -> Reading {
        if value.isEmpty { return .missing }
        if value.kind == .string || value.kind == .text, parser.isMissing(EventFields.trimmed(value.bytes)) {
            return .missing
        }
        do throws(FieldError) {
            switch field {
            case .customerID, .invoiceNo, .stockCode, .eventID:
                let bytes = try parser.identifier(value, field)
                return bytes.isEmpty ? .missing : .text(printable(bytes))
            case .description, .country: return .text(printable(try parser.text(value, field)))
            case .status: return .text(printable(EventFields.trimmed(value.bytes)))
            case .quantity:
                return .number(Double(try parser.quantity(value).exact) / Double(FixedPoint.moneyScale))
            case .unitPrice, .lineTotal:
                return .number(Double(try parser.money(value, field)) / Double(FixedPoint.moneyScale))
            case .invoiceDate: return .time(try parser.time(value))
            }
        } catch {
            return .refused(reason: error.reason)
        }
    }
}
