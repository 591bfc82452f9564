/// Sums over some set of events, which can be subtracted exactly.
///
/// Distinct counts are sums too: each key (an invoice, a product, ...) counts once, at the time of its latest occurrence.
/// So the keys whose latest occurrence lies in a window are the distinct keys of that window.
/// Sums wrap around instead of trapping: addition stays invertible, and no input can stop the program.
public struct Totals: Equatable, Sendable {
    /// Amount of the purchase lines, ten-thousandths of the currency.
    public var spend: Int64 = 0
    /// Amount given back by cancellation lines, ten-thousandths, positive.
    public var returnAmount: Int64 = 0
    /// Pieces bought.
    public var units: Int64 = 0
    /// Events of any kind.
    public var events: Int32 = 0
    /// Events that are purchases.
    public var purchaseLines: Int32 = 0
    /// Events that are cancellations.
    public var returnLines: Int32 = 0
    /// Distinct invoices with a purchase line.
    public var purchaseInvoices: Int32 = 0
    /// Distinct UTC days with a purchase line.
    public var purchaseDays: Int32 = 0
    /// Distinct invoices of any kind.
    public var invoices: Int32 = 0
    /// Distinct products bought.
    public var products: Int32 = 0
    /// Distinct descriptions of products bought.
    public var descriptions: Int32 = 0

    /// The sums over no events.
    public init() {}

    /// Adds the sums of a disjoint set of events.
    @inlinable
    public static func += (left: inout Totals, right: Totals) {
        left.spend &+= right.spend
        left.returnAmount &+= right.returnAmount
        left.units &+= right.units
        left.events &+= right.events
        left.purchaseLines &+= right.purchaseLines
        left.returnLines &+= right.returnLines
        left.purchaseInvoices &+= right.purchaseInvoices
        left.purchaseDays &+= right.purchaseDays
        left.invoices &+= right.invoices
        left.products &+= right.products
        left.descriptions &+= right.descriptions
    }

    /// Subtracts the sums of a subset of the events.
    @inlinable
    public static func -= (left: inout Totals, right: Totals) {
        left.spend &-= right.spend
        left.returnAmount &-= right.returnAmount
        left.units &-= right.units
        left.events &-= right.events
        left.purchaseLines &-= right.purchaseLines
        left.returnLines &-= right.returnLines
        left.purchaseInvoices &-= right.purchaseInvoices
        left.purchaseDays &-= right.purchaseDays
        left.invoices &-= right.invoices
        left.products &-= right.products
        left.descriptions &-= right.descriptions
    }
}

/// The kinds of keys that are counted as distinct.
@usableFromInline
enum KeyKind: UInt64, CaseIterable {
    case purchaseInvoice = 1
    case purchaseDay, invoice, product, description

    /// The key of a content hash, different for each kind, so that one table per customer holds all kinds. Never 0.
    @inlinable
    func key(_ hash: UInt64) -> UInt64 {
        let mixed = (hash ^ (rawValue &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
        let key = mixed ^ (mixed >> 32)
        return key == 0 ? 1 : key
    }

    /// Adds to the kind's count in `totals`.
    @inlinable
    func adjust(_ totals: inout Totals, by step: Int32) {
        switch self {
        case .purchaseInvoice: totals.purchaseInvoices &+= step
        case .purchaseDay: totals.purchaseDays &+= step
        case .invoice: totals.invoices &+= step
        case .product: totals.products &+= step
        case .description: totals.descriptions &+= step
        }
    }
}
