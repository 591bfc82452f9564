import Events

/// A state as bytes. Numbers are LEB128, signed ones zigzag; times are distances from the clock.
///
///     clock
///     lifetime    first event, first and last purchase, last return (0 for none, else 1 + distance), 15 sums, country u64
///     basket      invoice u64, 5 sums
///     days        count, then the first day and the distance to each next one
///     buckets     count, then for each the distance in time, which sums are not zero (u16), and those
///     keys        count, then for each its hash u64 and the index of its bucket
///     events      hash u64 of each remembered one, up to the end
///
/// Window totals, the gaps between days and the order of the key table follow from these and are not written.
extension CustomerState {
    /// Version of the layout above and of how a state is computed from events. States of another version are not read.
    package static let codecVersion: UInt64 = 2

    /// Appends the encoded state.
    /// - Complexity: O(buckets + keys); about 11 bytes a key and 15 a bucket.
    package func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(clock))
        lifetime.encode(into: &writer, clock: clock)
        basket.encode(into: &writer)
        purchaseDays.encode(into: &writer)

        writer.varint(UInt64(buckets.count - expired))
        var previous = clock &- Windows.longestMilliseconds
        for bucket in buckets[expired...] {
            writer.varint(UInt64(bucket.time &- previous))
            previous = bucket.time
            bucket.totals.encode(into: &writer)
        }
        let deadUpTo = clock &- Windows.longestMilliseconds
        let live = latest.slots.filter { $0.key != 0 && $0.time > deadUpTo }
        writer.varint(UInt64(live.count))
        for slot in live {
            writer.word64(slot.key)
            writer.varint(UInt64(index(of: slot.time) - expired))
        }
        recentEvents.encode(into: &writer)
    }

    /// Decodes a state. Later events change it exactly as they would have changed the encoded one.
    /// - Throws: `StateError` for bytes that no state encodes to; it never traps.
    /// - Complexity: O(bytes).
    package init(decoding reader: inout ByteReader) throws(StateError) {
        let clock = try reader.time()
        self.clock = clock
        lifetime = try Lifetime(decoding: &reader, clock: clock)
        basket = try Basket(decoding: &reader)
        purchaseDays = try PurchaseDays(decoding: &reader)
        let today = EventTime.day(of: clock)
        guard purchaseDays.days.allSatisfy({ $0 <= today && $0 > today - Int32(Windows.longestDays) }) else {
            throw StateError("days outside the longest window")
        }

        let deadUpTo = clock - Windows.longestMilliseconds
        let count = try reader.count(ofAtLeast: 3)
        buckets.reserveCapacity(count)
        var time = deadUpTo
        for _ in 0..<count {
            let step = try reader.varint()
            guard step > 0, step <= UInt64(clock - time) else { throw StateError("time buckets out of order") }
            time += Int64(step)
            var bucket = TimeBucket(time: time)
            bucket.totals = try Totals(decoding: &reader)
            buckets.append(bucket)
        }
        sumWindows()

        let keys = try reader.count(ofAtLeast: 9)
        latest = LatestTable(capacityFor: keys)
        for _ in 0..<keys {
            let key = try reader.word64()
            let at = try reader.varint()
            guard key != 0, at < UInt64(buckets.count) else { throw StateError("a key of no time bucket") }
            guard latest.record(key, at: buckets[Int(at)].time, deadUpTo: deadUpTo) == nil else {
                throw StateError("a key twice")
            }
        }
        recentEvents = try RecentEvents(decoding: &reader)
    }

    /// Computes the start and the totals of each window from the buckets.
    mutating func sumWindows() {
        var sum = Totals()
        var start = buckets.count
        for window in 0..<Windows.count {
            while start > 0, buckets[start - 1].time > clock &- Windows.milliseconds[window] {
                start -= 1
                sum += buckets[start].totals
            }
            starts[window] = start
            totals[window] = sum
        }
    }
}

extension Lifetime {
    func encode(into writer: inout ByteWriter, clock: Int64) {
        writer.varint(UInt64(clock - firstEventTime))
        writer.optionalTime(firstPurchaseTime, before: clock)
        writer.optionalTime(lastPurchaseTime, before: clock)
        writer.optionalTime(lastReturnTime, before: clock)
        writer.signed(events)
        writer.signed(purchaseLines)
        writer.signed(repeatLines)
        writer.signed(returnLines)
        writer.signed(spend)
        writer.signed(returnAmount)
        writer.signed(units)
        writer.signed(purchaseInvoices)
        writer.signed(purchaseDays)
        writer.signed(largestBasketSpend)
        writer.signed(weekdaySum)
        writer.signed(weekdaySquareSum)
        writer.signed(monthSum)
        writer.signed(monthSquareSum)
        writer.signed(weekendEvents)
        writer.word64(countryHash)
    }

    init(decoding reader: inout ByteReader, clock: Int64) throws(StateError) {
        self.init(firstEventTime: try reader.time(before: clock))
        firstPurchaseTime = try reader.optionalTime(before: clock)
        lastPurchaseTime = try reader.optionalTime(before: clock)
        lastReturnTime = try reader.optionalTime(before: clock)
        events = try reader.signed()
        purchaseLines = try reader.signed()
        repeatLines = try reader.signed()
        returnLines = try reader.signed()
        spend = try reader.signed()
        returnAmount = try reader.signed()
        units = try reader.signed()
        purchaseInvoices = try reader.signed()
        purchaseDays = try reader.signed()
        largestBasketSpend = try reader.signed()
        weekdaySum = try reader.signed()
        weekdaySquareSum = try reader.signed()
        monthSum = try reader.signed()
        monthSquareSum = try reader.signed()
        weekendEvents = try reader.signed()
        countryHash = try reader.word64()
    }
}

extension Basket {
    func encode(into writer: inout ByteWriter) {
        writer.word64(invoiceHash)
        for sum in [events, purchaseLines, returnLines, spend, units] { writer.signed(sum) }
    }

    init(decoding reader: inout ByteReader) throws(StateError) {
        self.init()
        invoiceHash = try reader.word64()
        events = try reader.signed()
        purchaseLines = try reader.signed()
        returnLines = try reader.signed()
        spend = try reader.signed()
        units = try reader.signed()
    }
}

extension PurchaseDays {
    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(days.count))
        var previous: Int32 = 0
        for day in days {
            writer.varint(UInt64(day - previous))
            previous = day
        }
    }

    init(decoding reader: inout ByteReader) throws(StateError) {
        let count = try reader.count(ofAtLeast: 1)
        var previous: Int32 = 0
        var days: [Int32] = []
        days.reserveCapacity(count)
        for _ in 0..<count {
            let step = try reader.varint()
            guard step > 0 || days.isEmpty, step <= UInt64(Int32.max - previous) else {
                throw StateError("days out of order")
            }
            previous += Int32(step)
            days.append(previous)
        }
        // Gaps are taken between them: none may lie beyond what a day can be.
        guard days.last ?? 0 <= EventTime.day(of: EventTime.latest) else {
            throw StateError("a day after the year 9999")
        }
        self.init(days: days)
    }
}

extension Totals {
    func encode(into writer: inout ByteWriter) {
        let values: InlineArray<11, Int64> = [
            spend, returnAmount, units, Int64(events), Int64(purchaseLines), Int64(returnLines),
            Int64(purchaseInvoices),
            Int64(purchaseDays), Int64(invoices), Int64(products), Int64(descriptions),
        ]
        var present: UInt64 = 0
        for place in 0..<11 where values[place] != 0 { present |= 1 << UInt64(place) }
        writer.varint(present)
        for place in 0..<11 where values[place] != 0 { writer.signed(values[place]) }
    }

    init(decoding reader: inout ByteReader) throws(StateError) {
        self.init()
        let present = try reader.varint()
        guard present < 1 << 11 else { throw StateError("sums that are not known") }
        func isPresent(_ place: UInt64) -> Bool { present >> place & 1 != 0 }
        if isPresent(0) { spend = try reader.signed() }
        if isPresent(1) { returnAmount = try reader.signed() }
        if isPresent(2) { units = try reader.signed() }
        if isPresent(3) { events = try reader.signed32() }
        if isPresent(4) { purchaseLines = try reader.signed32() }
        if isPresent(5) { returnLines = try reader.signed32() }
        if isPresent(6) { purchaseInvoices = try reader.signed32() }
        if isPresent(7) { purchaseDays = try reader.signed32() }
        if isPresent(8) { invoices = try reader.signed32() }
        if isPresent(9) { products = try reader.signed32() }
        if isPresent(10) { descriptions = try reader.signed32() }
    }
}

extension ByteWriter {
    fileprivate mutating func optionalTime(_ time: Int64?, before clock: Int64) {
        varint(time.map { UInt64(clock - $0) + 1 } ?? 0)
    }
}

extension ByteReader {
    fileprivate mutating func optionalTime(before clock: Int64) throws(StateError) -> Int64? {
        let distance = try varint()
        return distance == 0 ? nil : try Self.time(distance - 1, before: clock)
    }

    fileprivate mutating func time(before clock: Int64) throws(StateError) -> Int64 {
        try Self.time(try varint(), before: clock)
    }

    private static func time(_ distance: UInt64, before clock: Int64) throws(StateError) -> Int64 {
        guard distance <= UInt64(clock) else { throw StateError("a time before 1970") }
        return clock - Int64(distance)
    }

    /// An instant of event time.
    fileprivate mutating func time() throws(StateError) -> Int64 {
        let time = try varint()
        guard time <= UInt64(EventTime.latest) else { throw StateError("a time after the year 9999") }
        return Int64(time)
    }
}
