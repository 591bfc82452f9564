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
    /// The invoice number starts with `C`, or the quantity is negative.
    public let isCancellation: Bool

    /// Whether there is no customer. Such an event updates no state and is not scored.
    @inlinable
    public var isAnonymous: Bool { customerID.isEmpty }

    /// Whether the event counts as a purchase: positive quantity and price, no cancellation.
    @inlinable
    public var isPurchase: Bool { !isCancellation && quantity > 0 && unitPrice > 0 }

    /// Quantity times price, in ten-thousandths. Cannot overflow within the limits.
    @inlinable
    public var amount: Int64 { quantity &* unitPrice }

    /// Ten million pieces on one line.
    package static let quantityLimit: Int64 = 10_000_000
    /// Ten million units of currency a piece.
    package static let priceLimit: Int64 = 10_000_000 * FixedPoint.moneyScale
    /// Longest identifier, in bytes.
    package static let identifierLimit = 1024
}

extension CustomerEvent {
    /// Parses the fields of one event.
    /// - Parameter names: the shop's names for the fields, used in the error only.
    /// - Throws: `EventError` naming the first field, in canonical order, that is missing or ill-typed.
    /// - Complexity: O(bytes of the fields); nothing is allocated unless it throws.
    public init(_ fields: EventFields, names: FieldNames) throws(EventError) {
        do throws(FieldError) {
            try self.init(fields)
        } catch {
            throw EventError(field: names[error.field], reason: error.reason)
        }
    }

    init(_ fields: EventFields) throws(FieldError) {
        customerID = try FieldParser.identifier(fields[.customerID], .customerID, mayBeEmpty: true)
        invoiceNo = try FieldParser.identifier(fields[.invoiceNo], .invoiceNo, mayBeEmpty: false)
        let stockCode = try FieldParser.identifier(fields[.stockCode], .stockCode, mayBeEmpty: false)
        let description = try FieldParser.text(fields[.description], .description)
        quantity = try FieldParser.wholeNumber(fields[.quantity], .quantity, limit: Self.quantityLimit)
        time = try FieldParser.time(fields[.invoiceDate], .invoiceDate)
        unitPrice = try FieldParser.money(fields[.unitPrice], .unitPrice, limit: Self.priceLimit)
        country = try FieldParser.text(fields[.country], .country)

        customerHash = contentHash(customerID)
        invoiceHash = contentHash(invoiceNo)
        stockCodeHash = contentHash(stockCode)
        descriptionHash = description.isEmpty ? 0 : contentHash(description)
        countryHash = country.isEmpty ? 0 : contentHash(country)
        isCancellation = quantity < 0 || invoiceNo[0] | 0x20 == UInt8(ascii: "c")
    }
}
