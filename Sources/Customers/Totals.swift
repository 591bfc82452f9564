/// Sums over some set of events; what went in can be taken out again exactly.
///
/// Distinct counts are sums too: each key (an invoice, a product, ...) counts once, at the moment of its latest
/// occurrence, so the keys whose latest occurrence lies in a window are the distinct keys of that window.
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
    public var purchaseLines: Int32 = 0
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

    public init() {}

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

/// What is counted as distinct, by the key's kind.
@usableFromInline
enum KeyKind: UInt64, CaseIterable {
    case purchaseInvoice = 1
    case purchaseDay, invoice, product, description

    /// The key's hash among all kinds: one table per customer serves them all.
    @inlinable
    func key(_ hash: UInt64) -> UInt64 {
        let mixed = (hash ^ (rawValue &* 0x9E37_79B9_7F4A_7C15)) &* 0xD6E8_FEB8_6659_FD93
        let key = mixed ^ (mixed >> 32)
        return key == 0 ? 1 : key
    }

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
