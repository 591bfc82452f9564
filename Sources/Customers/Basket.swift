import Events

/// The invoice that a customer is in: the events since the invoice number last changed, in the order of the stream.
public struct Basket: Equatable, Sendable {
    public private(set) var invoiceHash: UInt64 = 0
    /// Events of any kind.
    public private(set) var events: Int64 = 0
    public private(set) var purchaseLines: Int64 = 0
    public private(set) var returnLines: Int64 = 0
    /// Ten-thousandths of the currency.
    public private(set) var spend: Int64 = 0
    public private(set) var units: Int64 = 0

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
