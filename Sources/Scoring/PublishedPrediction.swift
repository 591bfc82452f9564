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
        guard cursor.skip("{") else { throw EventError(field: nil, reason: "not JSON: expected an object") }
        repeat {
            cursor.skipSpace()
            let key = String(decoding: try cursor.string().raw, as: UTF8.self)
            try cursor.expectColon()
            cursor.skipSpace()
            switch key {
            case "customer_id", "invoice_no", "event_time": texts[key] = try Self.text(&cursor)
            case "purchase_probability": texts[key] = Array(try cursor.number())
            default: try cursor.skipValue()
            }
            cursor.skipSpace()
        } while cursor.skip(",")
        guard cursor.skip("}") else { throw EventError(field: nil, reason: "not JSON: expected , or }") }

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

    private static func text(_ cursor: inout JSONCursor) throws(EventError) -> [UInt8] {
        let (raw, isEscaped) = try cursor.string()
        guard isEscaped else { return Array(raw) }
        return Array(unsafeUninitializedCapacity: raw.count) { buffer, count in
            count = JSONCursor.unescape(raw, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
