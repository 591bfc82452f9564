import Events

/// What a consumer of the output topic reads in a prediction: the counterpart of `PredictionEncoder`.
public struct PublishedPrediction: Equatable, Sendable {
    public let customerID: String
    /// `contentHash` of the invoice number.
    public let invoiceHash: UInt64
    /// Event time, milliseconds.
    public let time: Int64
    public let probability: Double

    /// - Throws: `EventError` naming what is missing or ill-typed.
    public init(payload: UnsafeRawBufferPointer) throws(EventError) {
        var cursor = JSONCursor(payload)
        var texts: [String: [UInt8]] = [:]
        func refuse(_ field: String) -> EventError { EventError(field: field, reason: "missing or ill-typed") }
        cursor.skipSpace()
        try cursor.forEachMember { name, value throws(EventError) in
            let key = name.text
            switch key {
            case "customer_id", "invoice_no", "event_time":
                let (raw, isEscaped) = try value.string()
                texts[key] = isEscaped ? JSONCursor.unescaped(raw) : Array(raw)
            case "purchase_probability": texts[key] = Array(try value.number())
            default: try value.skipValue()
            }
        }

        guard let customer = texts["customer_id"] else { throw refuse("customer_id") }
        guard let invoice = texts["invoice_no"] else { throw refuse("invoice_no") }
        guard let instant = texts["event_time"], let time = instant.withUnsafeBytes({ EventTime.parseISO8601($0) })
        else { throw refuse("event_time") }
        guard let number = texts["purchase_probability"],
            let probability = Double(String(decoding: number, as: UTF8.self)), (0...1).contains(probability)
        else { throw refuse("purchase_probability") }
        customerID = String(decoding: customer, as: UTF8.self)
        invoiceHash = invoice.withUnsafeBytes { contentHash($0) }
        self.time = time
        self.probability = probability
    }
}
