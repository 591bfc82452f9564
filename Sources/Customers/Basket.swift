import Events

/// A customer's current invoice: the events since the invoice number last changed, in the order of the stream.
public struct Basket: Equatable, Sendable {
    /// `contentHash` of the invoice number.
    public internal(set) var invoiceHash: UInt64 = 0
    /// Events of any kind.
    public internal(set) var events: Int64 = 0
    /// Events that are purchases.
    public internal(set) var purchaseLines: Int64 = 0
    /// Events that are cancellations.
    public internal(set) var returnLines: Int64 = 0
    /// Amount of the purchase lines, ten-thousandths of the currency.
    public internal(set) var spend: Int64 = 0
    /// Pieces bought.
    public internal(set) var units: Int64 = 0

    @usableFromInline
    init() {}

    @usableFromInline
    mutating func add(_ event: CustomerEvent) {
        if event.invoiceHash != invoiceHash {
            self = Basket()
            invoiceHash = event.invoiceHash
        }
        events &+= 1
        if event.isPurchase {
            purchaseLines &+= 1
            spend &+= event.amount
            units &+= event.quantity
        }
        if event.isCancellation { returnLines &+= 1 }
    }
}
