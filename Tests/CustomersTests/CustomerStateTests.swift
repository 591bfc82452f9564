import Customers
import Events
import TestSupport
import Testing

@Suite struct CustomerStateTests {
    let decoder = EventDecoder()

    /// Puts the state beside the slow recomputation and names the first difference.
    func difference(_ state: CustomerState, _ slow: SlowCustomer) -> String? {
        for (index, days) in Windows.days.enumerated() {
            let fast = state.window(index)
            var window = SlowCustomer.Window()
            window.spend = fast.spend
            window.returnAmount = fast.returnAmount
            window.units = fast.units
            window.events = Int(fast.events)
            window.purchaseLines = Int(fast.purchaseLines)
            window.returnLines = Int(fast.returnLines)
            window.purchaseInvoices = Int(fast.purchaseInvoices)
            window.purchaseDays = Int(fast.purchaseDays)
            window.invoices = Int(fast.invoices)
            window.products = Int(fast.products)
            window.descriptions = Int(fast.descriptions)
            if window != slow.window(days: days) { return "\(days) days: \(window) is not \(slow.window(days: days))" }
        }
        let days = slow.purchaseDays
        if state.purchaseDays.days != days { return "days \(state.purchaseDays.days) are not \(days)" }
        let gaps = zip(days, days.dropFirst()).map { $1 - $0 }.sorted()
        if state.purchaseDays.sortedGaps != gaps { return "gaps \(state.purchaseDays.sortedGaps) are not \(gaps)" }
        let lifetime = state.lifetime
        let bought = slow.events.filter(\.isPurchase)
        let pairs: [(String, Int64, Int64)] = [
            ("spend", lifetime.spend, bought.reduce(0) { $0 + $1.amount }),
            ("units", lifetime.units, bought.reduce(0) { $0 + $1.quantity }),
            ("events", lifetime.events, Int64(slow.events.count)),
            ("lines", lifetime.purchaseLines, Int64(bought.count)),
            ("returns", lifetime.returnLines, Int64(slow.events.count(where: \.isCancellation))),
            ("invoices", lifetime.purchaseInvoices, Int64(slow.countNew(\.invoice))),
            ("days", lifetime.purchaseDays, Int64(slow.countNew { $0.time / 86_400_000 })),
            ("repeats", lifetime.repeatLines, Int64(slow.repeatLines)),
            ("first", lifetime.firstEventTime, slow.events.map(\.time).min()!),
            ("last purchase", lifetime.lastPurchaseTime ?? -1, bought.map(\.time).max() ?? -1),
            ("first purchase", lifetime.firstPurchaseTime ?? -1, bought.map(\.time).min() ?? -1),
        ]
        for (name, fast, slow) in pairs where fast != slow { return "\(name): \(fast) is not \(slow)" }
        return nil
    }

    @Test func equalsRecomputationFromAllEventsForThousandsOfHistories() throws {
        for seed in UInt64(0)..<4000 {
            var random = SplitMix64(seed: seed)
            let events = SlowCustomer.random(&random, count: 1 + Int(random.next() % 90))
            var table = CustomerTable()
            var clock = Int64.min
            for (index, event) in events.enumerated() {
                clock = max(clock, event.time)
                try decoder.with(event) { _ = table.update($0) }
                // Every step of short histories, some steps of long ones.
                guard events.count < 25 || index % 7 == 0 || index == events.count - 1 else { continue }
                let slow = SlowCustomer(Array(events[...index]), clock: clock)
                #expect(table.states[0].clock == clock, "seed \(seed), event \(index)")
                if let found = difference(table.states[0], slow) {
                    Issue.record("seed \(seed), event \(index): \(found)")
                    return
                }
                let later = clock + Int64(random.next() % 400) * 86_400_000
                if let found = difference(
                    table.states[0].advanced(to: later), SlowCustomer(Array(events[...index]), clock: later))
                {
                    Issue.record("seed \(seed), event \(index), advanced: \(found)")
                    return
                }
            }
        }
    }

    @Test(arguments: [7, 30, 60, 90, 180, 365])
    func slidesToTheMillisecond(days: Int) throws {
        var table = CustomerTable()
        let start = SampleEvent().time
        try decoder.with(SampleEvent()) { _ = table.update($0) }
        let window = Windows.days.firstIndex(of: days)!
        let length = Int64(days) * 86_400_000
        #expect(table.states[0].advanced(to: start + length - 1).window(window).events == 1)
        #expect(table.states[0].advanced(to: start + length).window(window).events == 0)
    }

    @Test func neverMovesTheClockBack() throws {
        var table = CustomerTable()
        let now = SampleEvent()
        var late = now
        late.time -= 20 * 86_400_000
        late.invoice = "1"
        try decoder.with(now) { _ = table.update($0) }
        try decoder.with(late) { _ = table.update($0) }
        #expect(table.states[0].clock == now.time)
        #expect(table.states[0].window(0).events == 1)
        #expect(table.states[0].window(1).events == 2)
        #expect(table.states[0].purchaseDays.sortedGaps == [20])
    }

    @Test func remembersNoMoreThanTheLongestWindowHolds() throws {
        var table = CustomerTable()
        var event = SampleEvent()
        for number in 0..<20_000 {
            event.time += 86_400_000
            event.invoice = "\(number)"
            event.product = "P\(number)"
            try decoder.with(event) { _ = table.update($0) }
        }
        #expect(table.states[0].bucketCount == 365)
        #expect(table.states[0].window(5).products == 365)
        #expect(table.states[0].lifetime.purchaseInvoices == 20_000)
        #expect(table.states[0].memoryBytes < 200_000)
    }

    @Test func survivesAmountsThatOverflow() throws {
        var table = CustomerTable()
        let event = SampleEvent(quantity: CustomerEvent.quantityLimit, price: CustomerEvent.priceLimit)
        for _ in 0..<2000 { try decoder.with(event) { _ = table.update($0) } }
        let gone = table.states[0].advanced(to: event.time + 400 * 86_400_000)
        #expect(gone.window(5).spend == 0)
    }

    @Test func keepsCustomersApart() throws {
        var table = CustomerTable()
        for round in 0..<3 {
            for number in 0..<5000 {
                try decoder.with(SampleEvent(customer: "c\(number)", quantity: Int64(number % 7 + 1))) { event in
                    #expect(table.update(event) == number, "round \(round)")
                }
            }
        }
        #expect(table.count == 5000)
        #expect(table.customerID(at: 4321) == "c4321")
        #expect(table.state(of: "c4321")?.lifetime.events == 3)
        #expect(table.state(of: "c4321")?.lifetime.units == Int64(3 * (4321 % 7 + 1)))
        #expect(table.state(of: "nobody")?.clock == nil)
    }
}
