import Events

/// A summary of a history's events: counts for the data checks. It travels with the artifact, so that the next history
/// can be compared with the one that the model in service was trained on.
package struct DataProfile: Codable, Equatable, Sendable {
    /// All events.
    package private(set) var events = 0
    /// Distinct customers.
    package private(set) var customers = 0
    /// Events without a customer.
    package private(set) var anonymousEvents = 0
    /// Events that count as purchases.
    package private(set) var purchaseLines = 0
    /// Events that cancel a purchase.
    package private(set) var cancellations = 0
    /// Events that are no cancellations and have no price above 0.
    package private(set) var unpricedLines = 0
    /// Events without a product description.
    package private(set) var withoutDescription = 0
    /// Events without a country.
    package private(set) var withoutCountry = 0
    /// Events that repeat another one in all fields; estimated from a sample where there are more than four million.
    package private(set) var duplicates = 0
    /// Events that came after a later one of the same customer.
    package private(set) var lateEvents = 0
    /// The day of the first of `eventsByDay`, counted from 1970.
    package private(set) var firstDay = 0
    /// Events on each UTC day from the first to the last.
    package private(set) var eventsByDay: [Int] = []
    /// Lines by quantity: −2^k and beyond, ..., −1, 0, 1, 2, 4, ... up to 2^k and beyond.
    package private(set) var quantities = [Int](repeating: 0, count: 2 * largestPower + 3)
    /// Lines by price, in powers of two of a ten-thousandth: none, 1, 2, 4, ...
    package private(set) var prices = [Int](repeating: 0, count: 2 * largestPower + 2)

    private static let largestPower = 16

    private var days: [Int: Int] = [:]
    /// By an event's hash, how often it was repeated.
    private var repeats: [UInt64: Int32] = [:]
    /// Only events whose hash has these bits at zero are counted in `repeats`.
    private var sample: UInt64 = 0
    private static let sampleLimit = 1 << 22

    enum CodingKeys: String, CodingKey {
        case events, customers, cancellations, duplicates, quantities, prices
        case anonymousEvents = "anonymous_events"
        case purchaseLines = "purchase_lines"
        case unpricedLines = "unpriced_lines"
        case withoutDescription = "without_description"
        case withoutCountry = "without_country"
        case lateEvents = "late_events"
        case firstDay = "first_day"
        case eventsByDay = "events_by_day"
    }

    init() {}

    /// Counts an event.
    /// - Parameters:
    ///   - hash: of all its fields.
    ///   - isLate: whether its customer had a later event before.
    mutating func add(_ event: CustomerEvent, hash: UInt64, isLate: Bool) {
        events += 1
        if event.isAnonymous { anonymousEvents += 1 }
        if event.isPurchase { purchaseLines += 1 }
        if event.isCancellation { cancellations += 1 } else if event.unitPrice <= 0 { unpricedLines += 1 }
        if event.descriptionHash == 0 { withoutDescription += 1 }
        if event.countryHash == 0 { withoutCountry += 1 }
        if isLate { lateEvents += 1 }
        days[Int(event.time / EventTime.millisecondsPerDay), default: 0] += 1
        quantities[Self.bucket(event.quantity) + Self.largestPower + 1] += 1
        prices[event.unitPrice <= 0 ? 0 : min(power(event.unitPrice), 2 * Self.largestPower) + 1] += 1
        countRepeats(of: hash)
    }

    private mutating func countRepeats(of hash: UInt64) {
        guard hash & sample == 0 else { return }
        repeats[hash, default: -1] += 1
        guard repeats.count > Self.sampleLimit else { return }
        // Halves the sample; the counts of the dropped half are dropped with it.
        sample = sample << 1 | 1
        repeats = repeats.filter { [sample] in $0.key & sample == 0 }
    }

    private static func bucket(_ quantity: Int64) -> Int {
        quantity == 0 ? 0 : quantity.signum() == 1 ? min(power(quantity), largestPower) + 1 : -bucket(-quantity)
    }

    /// Closes the counts; nothing may be added afterwards.
    mutating func finish(customers: Int) {
        self.customers = customers
        duplicates = repeats.values.reduce(0) { $0 + Int($1) } * Int(sample + 1)
        repeats = [:]
        guard let first = days.keys.min(), let last = days.keys.max() else { return }
        firstDay = first
        eventsByDay = (first...last).map { days[$0] ?? 0 }
        days = [:]
    }

    /// A count as a share of all events, 0...1.
    func share(_ part: Int) -> Double { Double(part) / Double(max(events, 1)) }

    /// Longest run of days without an event, and the day on which it begins.
    var longestGap: (days: Int, from: Int) {
        var longest = (days: 0, from: firstDay)
        var run = 0
        for (offset, count) in eventsByDay.enumerated() {
            run = count == 0 ? run + 1 : 0
            if run > longest.days { longest = (run, firstDay + offset - run + 1) }
        }
        return longest
    }

    /// Events of the last whole week, over the median of all whole weeks.
    var lastWeekOverMedian: Double {
        let weeks = stride(from: eventsByDay.count, through: 7, by: -7).map { end in
            eventsByDay[(end - 7)..<end].reduce(0, +)
        }
        guard let last = weeks.first else { return 1 }
        let median = weeks.sorted()[weeks.count / 2]
        return Double(last) / Double(max(median, 1))
    }
}

/// floor(log2 x) of a positive number.
private func power(_ x: Int64) -> Int { 63 - x.leadingZeroBitCount }
