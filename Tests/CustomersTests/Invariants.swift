import Events
import Testing

@testable import Customers

extension CustomerTable {
    /// Records an issue for whatever in the table contradicts itself.
    /// - Parameter changed: the customers whose states are checked as well.
    func checkInvariants(states changed: some Sequence<Int>, _ context: @autoclosure () -> String) {
        func check(_ isTrue: Bool, _ what: String) {
            if !isTrue { Issue.record("\(context()): \(what)") }
        }
        check(states.count == entries.count, "\(states.count) states, \(entries.count) entries")
        check(slots.count.nonzeroBitCount == 1 && states.count * 2 <= slots.count, "\(slots.count) slots")
        check(slots.count { $0 != 0 } == states.count, "other slots taken than there are customers")
        for index in states.indices {
            let identifier = Array(identifier(at: index))
            let (hash, found) = identifier.withUnsafeBytes { bytes in
                let hash = contentHash(bytes)
                return (hash, find(bytes, hash: hash))
            }
            check(found == index, "customer \(index) is found at \(String(describing: found))")
            check(entries[index].hash == hash, "the hash of customer \(index)")
            check(entries[index].clock == states[index].clock, "the clock of customer \(index)")
            check(!changes.removed.contains(identifier), "customer \(index) is recorded as removed")
            check(
                snapshot?.changes.removed.contains(identifier) != true, "customer \(index) is removed in the snapshot")
            check(finishedChanges?.removed.contains(identifier) != true, "customer \(index) was removed")
        }
        let ranges = entries.map { $0.start..<($0.start + Int($0.count)) }.sorted { $0.lowerBound < $1.lowerBound }
        check(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "identifiers overlap")
        check(
            ranges.reduce(unusedIdentifierBytes) { $0 + $1.count } == identifiers.count,
            "\(unusedIdentifierBytes) unused bytes of \(identifiers.count)")
        for bitmap in [changes.customers, snapshot?.changes.customers, snapshot?.awaited, finishedChanges?.customers] {
            check(bitmap?.next(from: states.count) == nil, "a customer beyond the last one has changed")
        }
        for index in changed where index < states.count {
            if let fault = states[index].invariantFault { check(false, "customer \(index): \(fault)") }
        }
    }

    func checkInvariants(_ context: @autoclosure () -> String) { checkInvariants(states: states.indices, context()) }

    /// Each customer's encoded state, in the table's order.
    var encodedStates: [(customer: String, state: [UInt8])] {
        states.indices.map { (customerID(at: $0), StateCodecTests.encoded(states[$0])) }
    }
}

extension CustomerState {
    /// The first of the state's invariants that does not hold.
    var invariantFault: String? {
        for (one, next) in zip(buckets, buckets.dropFirst()) where one.time >= next.time {
            return "buckets out of order"
        }
        if let last = buckets.last, last.time > clock { return "a bucket after the clock" }
        if starts[Windows.count - 1] != expired { return "the longest window does not start at the first live bucket" }
        for window in 0..<Windows.count {
            let start = clock - Windows.milliseconds[window]
            if let fault = buckets[..<starts[window]].last, fault.time > start { return "window \(window) starts late" }
            if let fault = buckets[starts[window]...].first, fault.time <= start {
                return "window \(window) starts early"
            }
            var sum = Totals()
            for bucket in buckets[starts[window]...] { sum += bucket.totals }
            if sum != totals[window] { return "the totals of window \(window)" }
        }
        let gaps = zip(purchaseDays.days, purchaseDays.days.dropFirst()).map { $1 - $0 }
        if gaps.contains(where: { $0 <= 0 }) { return "days out of order" }
        if purchaseDays.sortedGaps != gaps.sorted() { return "gaps" }
        if purchaseDays.gapSum != gaps.reduce(0, { $0 + Int64($1) }) { return "the sum of gaps" }
        if latest.used != latest.slots.count(where: { $0.key != 0 }) { return "the number of keys" }
        let live = latest.slots.filter { $0.key != 0 && $0.time > clock - Windows.longestMilliseconds }
        if Set(live.map(\.key)).count != live.count { return "a key twice" }
        let times = Set(buckets[expired...].map(\.time))
        if let key = live.first(where: { !times.contains($0.time) }) { return "key \(key.key) has no bucket" }
        let longest = totals[Windows.count - 1]
        let distinct =
            longest.purchaseInvoices + longest.purchaseDays + longest.invoices + longest.products + longest.descriptions
        // Keys beyond the bound are forgotten and stay counted.
        let isBounded = lifetime.events >= Self.eventsBetweenBounds
        return isBounded || Int(distinct) == live.count ? nil : "\(distinct) keys counted of \(live.count)"
    }
}
