import Events

/// An event with texts of its own, to make borrowed ones from.
public struct SampleEvent: Sendable, Equatable {
    public var customer: String
    public var invoice: String
    public var product: String
    public var description: String
    public var quantity: Int64
    /// Milliseconds.
    public var time: Int64
    /// Ten-thousandths.
    public var price: Int64
    public var country: String

    public init(
        customer: String = "17850", invoice: String = "536365", product: String = "85123A",
        description: String = "WHITE HANGING HEART", quantity: Int64 = 6, time: Int64 = 1_291_191_960_000,
        price: Int64 = 25_500, country: String = "United Kingdom"
    ) {
        self.customer = customer
        self.invoice = invoice
        self.product = product
        self.description = description
        self.quantity = quantity
        self.time = time
        self.price = price
        self.country = country
    }

    public var isCancellation: Bool { quantity < 0 || invoice.hasPrefix("C") }
    public var isPurchase: Bool { !isCancellation && quantity > 0 && price > 0 }
    public var amount: Int64 { quantity * price }

    /// The event as a JSON message under the canonical names.
    public var json: [UInt8] {
        var out = Array("{\"customer_id\":".utf8)
        if customer.isEmpty { out += Array("null".utf8) } else { JSONText.appendString(customer, to: &out) }
        for (key, text) in [
            ("invoice_no", invoice), ("stock_code", product), ("description", description), ("country", country),
            ("invoice_date", EventTime.text(time)),
        ] {
            out += Array(",\"\(key)\":".utf8)
            JSONText.appendString(text, to: &out)
        }
        out += Array(",\"quantity\":\(quantity),\"unit_price\":".utf8)
        FixedPoint.appendMoney(price, to: &out)
        return out + [UInt8(ascii: "}")]
    }
}

extension EventDecoder {
    /// Decodes a sample and hands over the event while its bytes live.
    @discardableResult
    public func with<Result>(_ sample: SampleEvent, _ body: (CustomerEvent) throws -> Result) throws -> Result {
        try sample.json.withUnsafeBytes { try body(try event(in: $0)) }
    }
}

extension EventDecoder {
    /// The event of fields that are one.
    public func event(of fields: EventFields) throws -> CustomerEvent {
        guard let event = try event(fields) else { throw EventError(field: nil, reason: "does not count") }
        return event
    }
}
