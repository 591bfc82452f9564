import CEvents

/// How a shop's messages and files are to be understood: where each field stands and how values are written.
///
/// One value for the worker, `replay` and the trainer. A state depends on it, so it is part of a checkpoint's decoder
/// fingerprint.
package struct EventFormat: Sendable, Equatable {
    /// What stands around an event in a message.
    package enum Envelope: String, CaseIterable, Sendable {
        /// Nothing.
        case none
        /// A change of a database row by Debezium: the event is the row after it.
        case debezium
        /// Kafka Connect's JSON converter: the event is `payload`, its types are in `schema`.
        case connect
        /// CloudEvents 1.0 in structured mode: the event is `data`.
        case cloudevents
    }

    /// What an update of a row says, in a Debezium envelope.
    package enum Updates: String, CaseIterable, Sendable {
        /// Nothing: the row was an event when it was inserted.
        case ignore
        /// An event of its own, for tables whose rows change their status.
        case read
    }

    /// Which invoice an event belongs to that names none.
    package enum MissingInvoice: String, CaseIterable, Sendable {
        /// None: it is refused.
        case refuse
        /// All that the customer buys on that day, in UTC.
        case day
        /// All that the customer buys at that instant.
        case instant
    }

    /// Which events of a message with several lines have a prediction.
    package enum Predictions: String, CaseIterable, Sendable {
        /// The last one: the prediction is of the whole order.
        case message
        /// Each.
        case line
    }

    /// What a status says of an event.
    package enum Meaning: String, CaseIterable, Sendable {
        /// It was bought.
        case purchase
        /// It was given back.
        case cancellation
        /// Nothing that counts.
        case ignore
    }

    /// What messages are written in.
    package var codec = MessageCodec.json
    /// What stands before a message's content.
    package var framing = MessageFraming.none
    /// The schema of all messages, where their frame does not name one.
    package var schema: MessageSchema?
    /// The full name of the Protobuf message that a topic's messages are, where their frame does not say; empty for the first one
    /// of the schema.
    package var messageName = ""
    /// Where schemas that frames name come from.
    package var catalogue: SchemaCatalogue?
    /// Where each field stands.
    package var fields = FieldNames()
    /// What stands around an event.
    package var envelope = Envelope.none
    /// What updates say, in a Debezium envelope.
    package var updates = Updates.ignore
    /// The array whose elements are the lines of an order; `nil` where a message is one event.
    package var lines: FieldPath?
    /// Which lines have a prediction.
    package var predictions = Predictions.message
    /// How times are written.
    package var time = TimeNotation.automatic
    /// Where times without an offset are of, as an IANA name.
    package var timeZone = "UTC"
    /// What stands before the fraction of a number that is text.
    package var decimalSeparator = "."
    /// What stands between the thousands of a number that is text; empty for nothing.
    package var thousandsSeparator = ""
    /// Digits behind the point of decimals that are base64 of their unscaled value, as Kafka Connect writes them where the
    /// message does not say how many; −1 where there are none.
    package var decimalScale = -1
    /// Words that stand for no value, in lower case.
    package var missingWords = Self.standardMissingWords
    /// Which invoice an event belongs to that names none.
    package var missingInvoice = MissingInvoice.refuse
    /// Whether an event may name no product. Events that name none are of one product.
    package var allowsMissingProduct = false
    /// How the numbers of invoices begin that give something back; empty where that does not tell.
    package var cancellationPrefix = ""
    /// What each status says.
    package var statuses: [String: Meaning] = [:]
    /// How far an event's time may lie behind that of its message, milliseconds.
    package var maxAhead: Int64 = EventTime.millisecondsPerDay

    /// How files encode their characters.
    package var encoding = TextEncoding.utf8

    /// What data frames, databases and JavaScript write for no value.
    package static let standardMissingWords = ["nan", "null", "none", "nil", "undefined", "n/a", "<na>", "\\n"]

    /// Flat JSON under the canonical names.
    package init() {}

    /// Flat JSON under these names.
    package init(fields: FieldNames) { self.fields = fields }

    /// Whether a field must be there.
    package func needs(_ field: EventField) -> Bool {
        switch field {
        case .customerID, .quantity, .invoiceDate: true
        case .invoiceNo: missingInvoice == .refuse
        case .stockCode: !allowsMissingProduct
        case .unitPrice: fields[.lineTotal].isEmpty
        case .lineTotal, .eventID, .status: !fields[field].isEmpty
        case .description, .country: false
        }
    }

    /// Whether each message is one JSON object that has the fields as members.
    package var isFlat: Bool {
        codec == .json && envelope == .none && lines == nil && decimalScale < 0 && fields.duplicate == nil
            && EventField.allCases.allSatisfy { fields[$0].isEmpty || FieldPath(fields[$0])?.name != nil }
    }

    /// Whether a message may have several predictions, told apart by their lines.
    package var namesLines: Bool { lines != nil && predictions == .line }

    /// Whether this is the name of a time zone.
    package static func isTimeZone(_ name: String) -> Bool { LocalTime(name) != nil }

    /// The same for what is written as JSON without a frame, such as a file's lines.
    package var asJSON: EventFormat {
        var format = self
        (format.codec, format.framing, format.schema, format.catalogue) = (.json, .none, nil, nil)
        return format
    }

    /// Everything that decides what a message's events are, as one text.
    package var fingerprint: String {
        var parts = ["decoder \(EventDecoder.version)"]
        parts += EventField.allCases.map { "\($0.name)=\(fields[$0])" }
        parts += ["envelope=\(envelope)", "updates=\(updates)", "lines=\(lines?.description ?? "")"]
        parts += ["time=\(time.description)", "zone=\(timeZone)", "decimal=\(decimalSeparator)\(thousandsSeparator)"]
        parts += ["scale=\(decimalScale)", "missing=\(missingWords.sorted())", "invoice=\(missingInvoice)"]
        parts += ["product=\(allowsMissingProduct)", "cancellation=\(cancellationPrefix)"]
        parts += statuses.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        if codec != .json || framing != .none {
            parts += ["codec=\(codec)", "framing=\(framing)", "message=\(messageName)"]
            parts += (schema.map { $0.source.references + [$0.source.text] } ?? []).map { text in
                "schema=\(text.withUnsafeBytes { contentHash($0) })"
            }
        }
        return (parts + ["ahead=\(maxAhead)"]).joined(separator: ", ")
    }
}
