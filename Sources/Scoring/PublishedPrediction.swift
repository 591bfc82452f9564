import Events

/// A prediction as a consumer of the output topic decodes it: the counterpart of `PredictionEncoder`.
package struct PublishedPrediction: Equatable, Sendable {
    /// The customer's identifier.
    package let customerID: String
    /// Whether it is of an instant of the schedule, and of no event.
    package let isScheduled: Bool
    /// `contentHash` of the invoice number; 0 where there is none.
    package let invoiceHash: UInt64
    /// Event time, milliseconds.
    package let time: Int64
    /// The served model's probability of a purchase, 0 to 1.
    package let probability: Double

    /// Decodes a payload; members that are not needed here are checked for their syntax only.
    /// - Throws: `EventError` naming what is missing or ill-typed.
    package init(payload: UnsafeRawBufferPointer) throws(EventError) {
        var cursor = JSONCursor(payload)
        var texts: [String: [UInt8]] = [:]
        func refuse(_ field: String) -> EventError { EventError(field: field, reason: "missing or ill-typed") }
        cursor.skipSpace()
        try cursor.forEachMember { name, value throws(EventError) in
            let key = name.text
            switch key {
            case "customer_id", "invoice_no", "event_time", "trigger":
                let (raw, isEscaped) = try value.string()
                texts[key] = isEscaped ? JSONCursor.unescaped(raw) : Array(raw)
            case "purchase_probability": texts[key] = Array(try value.number())
            default: try value.skipValue()
            }
        }

        guard let customer = texts["customer_id"] else { throw refuse("customer_id") }
        isScheduled = texts["trigger"] == Array("schedule".utf8)
        guard texts["invoice_no"] != nil || isScheduled else { throw refuse("invoice_no") }
        guard let instant = texts["event_time"], let time = instant.withUnsafeBytes({ EventTime.parseISO8601($0) })
        else { throw refuse("event_time") }
        guard let number = texts["purchase_probability"],
            let probability = Double(String(decoding: number, as: UTF8.self)), (0...1).contains(probability)
        else { throw refuse("purchase_probability") }
        customerID = String(decoding: customer, as: UTF8.self)
        invoiceHash = texts["invoice_no"]?.withUnsafeBytes { contentHash($0) } ?? 0
        self.time = time
        self.probability = probability
    }
}
