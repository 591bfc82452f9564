import Events

/// Sums over a customer's whole history, without a window.
public struct Lifetime: Equatable, Sendable {
    /// Earliest event time seen, milliseconds.
    public var firstEventTime: Int64
    /// Earliest and latest purchase line, milliseconds; `nil` before there is one.
    public var firstPurchaseTime: Int64?
    /// See `firstPurchaseTime`.
    public var lastPurchaseTime: Int64?
    /// Latest cancellation line, milliseconds.
    public var lastReturnTime: Int64?
    /// Events of any kind.
    public var events: Int64 = 0
    /// Events that are purchases.
    public var purchaseLines: Int64 = 0
    /// Purchase lines of a product that the customer had bought before within the longest window, in the stream's order.
    public var repeatLines: Int64 = 0
    /// Events that are cancellations.
    public var returnLines: Int64 = 0
    /// Amount of the purchase lines, ten-thousandths of the currency.
    public var spend: Int64 = 0
    /// Amount given back by cancellation lines, ten-thousandths, positive.
    public var returnAmount: Int64 = 0
    /// Pieces bought.
    public var units: Int64 = 0
    /// Invoices with a purchase line. One that occurs again after the longest window counts again; an event that arrives
    /// too late for that window does not count.
    public var purchaseInvoices: Int64 = 0
    /// UTC days with a purchase line, counted like the invoices.
    public var purchaseDays: Int64 = 0
    /// The largest amount of one basket, ten-thousandths.
    public var largestBasketSpend: Int64 = 0
    /// Over all events, the day of the week (Monday is 0).
    public var weekdaySum: Int64 = 0
    /// Over all events, the square of the day of the week.
    public var weekdaySquareSum: Int64 = 0
    /// Over all events, the month (1...12).
    public var monthSum: Int64 = 0
    /// Over all events, the square of the month.
    public var monthSquareSum: Int64 = 0
    /// Events on Saturdays and Sundays.
    public var weekendEvents: Int64 = 0
    /// `contentHash` of the latest event's country that was not empty; 0 if all were.
    public var countryHash: UInt64 = 0

    @usableFromInline
    init(firstEventTime: Int64) { self.firstEventTime = firstEventTime }

    @usableFromInline
    mutating func add(_ event: CustomerEvent, basketSpend: Int64) {
        firstEventTime = min(firstEventTime, event.time)
        events &+= 1
        let day = EventTime.day(of: event.time)
        let weekday = Int64(EventTime.weekday(ofDay: day))
        let month = Int64(EventTime.date(ofDay: Int(day)).month)
        weekdaySum &+= weekday
        weekdaySquareSum &+= weekday * weekday
        monthSum &+= month
        monthSquareSum &+= month * month
        if weekday >= 5 { weekendEvents &+= 1 }
        if event.countryHash != 0 { countryHash = event.countryHash }
        if event.isCancellation {
            returnLines &+= 1
            returnAmount &+= event.amount < 0 ? 0 &- event.amount : event.amount
            lastReturnTime = max(lastReturnTime ?? event.time, event.time)
        }
        if event.isPurchase {
            purchaseLines &+= 1
            spend &+= event.amount
            units &+= event.quantity
            firstPurchaseTime = min(firstPurchaseTime ?? event.time, event.time)
            lastPurchaseTime = max(lastPurchaseTime ?? event.time, event.time)
            largestBasketSpend = max(largestBasketSpend, basketSpend)
        }
    }
}
