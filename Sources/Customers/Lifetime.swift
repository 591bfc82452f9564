import Events

/// What is summed over a customer's whole history, however long ago.
public struct Lifetime: Equatable, Sendable {
    /// Earliest event time seen, milliseconds.
    public var firstEventTime: Int64
    /// Earliest and latest purchase line, milliseconds; `nil` before there is one.
    public var firstPurchaseTime: Int64?
    public var lastPurchaseTime: Int64?
    /// Latest cancellation line, milliseconds.
    public var lastReturnTime: Int64?
    /// Events of any kind.
    public var events: Int64 = 0
    public var purchaseLines: Int64 = 0
    /// Purchase lines of a product that had come up before in the stream and was still within the longest window.
    public var repeatLines: Int64 = 0
    public var returnLines: Int64 = 0
    /// Ten-thousandths of the currency.
    public var spend: Int64 = 0
    public var returnAmount: Int64 = 0
    public var units: Int64 = 0
    /// Invoices and days with a purchase line. One that comes back after the longest window counts anew; one that
    /// arrives later than that does not count.
    public var purchaseInvoices: Int64 = 0
    public var purchaseDays: Int64 = 0
    /// The most that one basket came to, ten-thousandths.
    public var largestBasketSpend: Int64 = 0
    /// Over all events: day of the week (Monday 0) and its square, month (1...12) and its square, events at weekends.
    public var weekdaySum: Int64 = 0
    public var weekdaySquareSum: Int64 = 0
    public var monthSum: Int64 = 0
    public var monthSquareSum: Int64 = 0
    public var weekendEvents: Int64 = 0
    /// Hash of the country named last; 0 when none was.
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
