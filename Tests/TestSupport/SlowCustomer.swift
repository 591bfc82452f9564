import Events

/// What a customer's state must come to, worked out the slow and obvious way: from all events, anew each time.
public struct SlowCustomer {
    public private(set) var events: [SampleEvent] = []
    public let clock: Int64
    static let day: Int64 = 86_400_000
    static let longest: Int64 = 365 * day

    /// - Parameters:
    ///   - events: all of the customer's, in the order of the stream.
    ///   - clock: the instant to look from, no earlier than the latest event.
    public init(_ events: [SampleEvent], clock: Int64) {
        var known: [SampleEvent] = []
        for event in events {
            // Idle for more than two years: forgotten, and begun anew.
            if let last = known.map(\.time).max(), event.time > last + 730 * Self.day { known = [] }
            known.append(event)
        }
        self.events = known
        self.clock = clock
    }

    public struct Window: Equatable {
        public var spend: Int64 = 0
        public var returnAmount: Int64 = 0
        public var units: Int64 = 0
        public var events = 0
        public var purchaseLines = 0
        public var returnLines = 0
        public var purchaseInvoices = 0
        public var purchaseDays = 0
        public var invoices = 0
        public var products = 0
        public var descriptions = 0

        public init() {}
    }

    public func window(days: Int) -> Window {
        let inside = events.filter { $0.time > clock - Int64(days) * Self.day }
        let bought = inside.filter(\.isPurchase)
        var window = Window()
        window.spend = bought.reduce(0) { $0 + $1.amount }
        window.units = bought.reduce(0) { $0 + $1.quantity }
        window.returnAmount = inside.filter(\.isCancellation).reduce(0) { $0 + abs($1.amount) }
        window.events = inside.count
        window.purchaseLines = bought.count
        window.returnLines = inside.count(where: \.isCancellation)
        window.purchaseInvoices = Set(bought.map(\.invoice)).count
        window.purchaseDays = Set(bought.map { $0.time / Self.day }).count
        window.invoices = Set(inside.map(\.invoice)).count
        window.products = Set(bought.map(\.product)).count
        window.descriptions = Set(bought.map(\.description).filter { !$0.isEmpty }).count
        return window
    }

    /// Purchase days of the last 365 UTC days, ascending.
    public var purchaseDays: [Int32] {
        let today = clock / Self.day
        return Set(events.filter(\.isPurchase).map { $0.time / Self.day }).filter { $0 > today - 365 }.sorted().map(
            Int32.init)
    }

    /// Counts over the whole history that need no memory beyond the longest window: an invoice or day is new when no
    /// event of it lies in the longest window before, and one that arrives too late for the window is not counted.
    public func countNew<Key: Hashable>(_ key: (SampleEvent) -> Key) -> Int {
        var count = 0
        var clock = Int64.min
        var last: [Key: Int64] = [:]
        for event in events {
            clock = max(clock, event.time)
            guard event.isPurchase, event.time > clock - Self.longest else { continue }
            let known = last[key(event)]
            if known == nil || known! <= clock - Self.longest { count += 1 }
            last[key(event)] = max(known ?? event.time, event.time)
        }
        return count
    }

    /// Purchase lines of a product that had one in the longest window before; late ones do not count.
    public var repeatLines: Int {
        let lines = events.count { $0.isPurchase }
        return lines - countNew(\.product) - lateLines
    }

    private var lateLines: Int {
        var clock = Int64.min
        var late = 0
        for event in events {
            clock = max(clock, event.time)
            if event.isPurchase, event.time <= clock - Self.longest { late += 1 }
        }
        return late
    }

    /// A made-up customer: returns, repeated instants, late arrivals, free goods, gaps of years.
    public static func random(_ random: inout SplitMix64, count: Int) -> [SampleEvent] {
        func below(_ bound: UInt64) -> Int { Int(random.next() % bound) }
        var time = Int64(14_000 + below(3000)) * day + Int64(below(86_400_000))
        var invoice = 0
        return (0..<count).map { _ in
            switch below(12) {
            case 0...4: break  // the same instant
            case 5...7: time += Int64(below(3)) * 60_000
            case 8: time += Int64(below(20)) * day
            case 9: time += Int64(below(120)) * day + Int64(below(86_400_000))
            case 10: if below(6) == 0 { time += Int64(300 + below(900)) * day }
            default: time += Int64(below(10)) * day + 1
            }
            if below(3) == 0 { invoice = below(4) == 0 ? below(30) : invoice + 1 }
            let isLate = below(7) == 0
            let late =
                isLate
                ? [Int64(below(2)) * day, Int64(below(90)) * day, Int64(below(500)) * day, 7 * day][below(4)] : 0
            let isReturn = below(8) == 0
            return SampleEvent(
                invoice: (isReturn && below(2) == 0 ? "C" : "") + "\(invoice)", product: "P\(below(12))",
                description: below(5) == 0 ? "" : "D\(below(9))",
                quantity: isReturn ? -Int64(1 + below(5)) : Int64(below(9) == 0 ? 0 : 1 + below(20)),
                time: max(0, time - late),
                price: below(10) == 0 ? 0 : Int64(below(200_000)), country: below(9) == 0 ? "" : "France")
        }
    }
}
