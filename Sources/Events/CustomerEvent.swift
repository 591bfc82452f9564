/// One line of one invoice: what a customer bought or returned, and when.
///
/// Texts are borrowed from the message (see `EventFields`). Customer states keep only their `contentHash`.
public struct CustomerEvent {
    /// Customer identifier; empty for an anonymous event.
    public let customerID: UnsafeRawBufferPointer
    /// Invoice number, never empty.
    public let invoiceNo: UnsafeRawBufferPointer
    /// Country, empty when unknown.
    public let country: UnsafeRawBufferPointer
    /// `contentHash` of the customer identifier.
    public let customerHash: UInt64
    /// `contentHash` of the invoice number.
    public let invoiceHash: UInt64
    /// `contentHash` of the product code.
    public let stockCodeHash: UInt64
    /// `contentHash` of the product's description; 0 when there is none.
    public let descriptionHash: UInt64
    /// `contentHash` of the country; 0 when it is unknown.
    public let countryHash: UInt64
    /// Event time, milliseconds since 1970 UTC.
    public let time: Int64
    /// Pieces, negative in returns; within ±`quantityLimit`.
    public let quantity: Int64
    /// Price of a piece in ten-thousandths of the currency; within ±`priceLimit`.
    public let unitPrice: Int64
    /// What the line comes to, in ten-thousandths of the currency; negative in returns.
    public let amount: Int64
    /// The line gives something back: its quantity is negative, or `EventFormat` says so.
    public let isCancellation: Bool
    /// `contentHash` of the event's own identifier, with its place in the message as the seed, so that the lines of one order
    /// differ; 0 when it has none.
    public let eventHash: UInt64

    /// Whether there is no customer. Such an event updates no state and is not scored.
    @inlinable
    public var isAnonymous: Bool { customerID.isEmpty }

    /// Whether the event counts as a purchase: positive quantity and amount, no cancellation.
    @inlinable
    public var isPurchase: Bool { !isCancellation && quantity > 0 && amount > 0 }

    /// Ten million pieces on one line.
    package static let quantityLimit: Int64 = 10_000_000
    /// Ten million units of currency a piece.
    package static let priceLimit: Int64 = 10_000_000 * FixedPoint.moneyScale
    /// Longest identifier, in bytes.
    package static let identifierLimit = 1024
}

extension CustomerEvent {
    /// Parses the fields of one event.
    /// - Throws: `FieldError` naming the first field, in canonical order, that is missing or ill-typed.
    /// - Complexity: O(bytes of the fields); nothing is allocated unless it throws.
    @inline(__always)
    init(
        _ fields: UnsafePointer<EventFields>, _ parser: FieldParser, _ meaning: EventFormat.Meaning = .purchase,
        line: Int = 0
    ) throws(FieldError) {
        customerID = try parser.identifier(fields.pointee[.customerID], .customerID)
        // A message must say that it is nobody's.
        if fields.pointee[.customerID].kind == .absent { throw FieldParser.error(.customerID, "missing") }
        let invoice = try parser.identifier(fields.pointee[.invoiceNo], .invoiceNo)
        if invoice.isEmpty { try parser.requireInvoice(fields.pointee[.invoiceNo]) }
        let stockCode = try parser.identifier(fields.pointee[.stockCode], .stockCode)
        if stockCode.isEmpty, !parser.allowsMissingProduct {
            throw FieldParser.missing(fields.pointee[.stockCode], .stockCode)
        }
        let description = try parser.text(fields.pointee[.description], .description)
        let (pieces, exact) = try parser.quantity(fields.pointee[.quantity])
        time = try parser.time(fields.pointee[.invoiceDate])
        country = try parser.text(fields.pointee[.country], .country)

        let isCancelled =
            pieces < 0 || meaning == .cancellation || (!invoice.isEmpty && parser.isCancellation(invoiceNo: invoice))
        // What is given back is counted as negative, however the shop writes it.
        quantity = isCancelled ? 0 - Int64(pieces.magnitude) : pieces
        isCancellation = isCancelled
        if parser.readsLineTotal {
            let total = try parser.money(fields.pointee[.lineTotal], .lineTotal)
            amount = isCancelled ? 0 - Int64(total.magnitude) : total
            unitPrice = quantity == 0 ? total : amount / quantity
        } else {
            unitPrice = try parser.money(fields.pointee[.unitPrice], .unitPrice)
            let amount = exact == pieces &* FixedPoint.moneyScale ? pieces &* unitPrice : Self.amount(exact, unitPrice)
            self.amount = isCancelled && pieces > 0 ? 0 - amount : amount
        }

        invoiceNo = invoice.isEmpty ? parser.missingInvoice(of: time) : invoice
        customerHash = contentHash(customerID)
        invoiceHash = contentHash(invoiceNo)
        stockCodeHash = contentHash(stockCode)
        descriptionHash = description.isEmpty ? 0 : contentHash(description)
        countryHash = country.isEmpty ? 0 : contentHash(country)
        let eventID =
            parser.readsEventID
            ? try parser.identifier(fields.pointee[.eventID], .eventID) : UnsafeRawBufferPointer(start: nil, count: 0)
        eventHash = eventID.isEmpty ? 0 : max(1, contentHash(eventID, seed: UInt64(line)))
    }

    /// Ten-thousandths of a piece times ten-thousandths of the currency, half away from zero. Cannot overflow within the limits.
    private static func amount(_ pieces: Int64, _ price: Int64) -> Int64 {
        let product = pieces.magnitude.multipliedFullWidth(by: price.magnitude)
        let scale = UInt64(FixedPoint.moneyScale)
        let (quotient, rest) = scale.dividingFullWidth(product)
        let magnitude = Int64(quotient + (rest * 2 >= scale ? 1 : 0))
        return (pieces < 0) == (price < 0) ? magnitude : 0 - magnitude
    }
}
