import Events

/// The state of one customer: a pure function of that customer's events in the order of the stream.
///
/// Windows slide in event time, exact to the millisecond. The clock is the latest event time seen and never goes back.
/// A late event counts in the windows that its time lies in, and in the lifetime totals in any case. Memory is one
/// `TimeBucket` per distinct event time and one key per distinct invoice, product, description and day of the longest
/// window, up to a bound (see `keepWithinBounds`).
public struct CustomerState: Sendable {
    /// The sums over the events of one instant.
    @usableFromInline
    struct TimeBucket: Equatable, Sendable {
        @usableFromInline var time: Int64
        @usableFromInline var totals: Totals
        @inlinable
        init(time: Int64) {
            self.time = time
            totals = Totals()
        }
    }

    /// Latest event time seen, or the later instant that the state was advanced to; milliseconds.
    public internal(set) var clock: Int64
    /// Sums over all events of the customer.
    public internal(set) var lifetime: Lifetime
    /// The events since the invoice number last changed, in the order of the stream.
    public internal(set) var basket = Basket()
    /// The events that the shop has given identifiers, the latest ones.
    var recentEvents = RecentEvents()
    /// Days with a purchase in the longest window.
    public internal(set) var purchaseDays = PurchaseDays()

    /// Ascending in time. Those before `expired` have left the longest window.
    @usableFromInline var buckets: [TimeBucket] = []
    @usableFromInline var expired = 0
    /// For each window, the first bucket in it.
    @usableFromInline var starts: InlineArray<6, Int> = InlineArray(repeating: 0)
    /// For each window, the sum of its buckets.
    @usableFromInline var totals: InlineArray<6, Totals> = InlineArray(repeating: Totals())
    /// The latest time of each key in the longest window.
    @usableFromInline var latest = LatestTable()
    /// Cache of the last counted key; not serialised because counting is idempotent.
    var counted = Counted()

    struct Counted: Sendable {
        var time = Int64.min
        var invoiceHash: UInt64 = 0
        var isPurchase = false
    }

    /// The state before a customer's first event.
    public init(firstEvent event: CustomerEvent) {
        clock = event.time
        lifetime = Lifetime(firstEventTime: event.time)
    }

    /// The totals of one window, by its place in `Windows.days`.
    @inlinable
    public func window(_ index: Int) -> Totals { totals[index] }

    /// How many time buckets the longest window holds.
    package var bucketCount: Int { buckets.count - expired }

    /// Memory that the state occupies, in bytes, with the spare capacity of its arrays.
    /// - Complexity: O(1).
    package var memoryBytes: Int {
        MemoryLayout<CustomerState>.size + buckets.capacity * MemoryLayout<TimeBucket>.stride
            + latest.slots.capacity * MemoryLayout<LatestTable.Slot>.stride
            + recentEvents.hashes.capacity * MemoryLayout<UInt64>.stride
            + (purchaseDays.days.capacity + purchaseDays.sortedGaps.capacity) * MemoryLayout<Int32>.stride
    }

    /// Updates the state with the customer's next event.
    /// - Complexity: O(1) amortised for events in order of time. A late one is placed by binary search, and where there is no
    ///   bucket of its time yet, inserted among those of the longest window.
    public mutating func update(_ event: CustomerEvent) {
        advance(to: event.time)
        recentEvents.add(event.eventHash)
        basket.add(event)
        lifetime.add(event, basketSpend: basket.spend)
        // Deferred, so that it is also done where an event too late for any window returns early.
        defer { if lifetime.events & (Self.eventsBetweenBounds - 1) == 0 { keepWithinBounds() } }
        let deadUpTo = clock &- Windows.longestMilliseconds
        guard event.time > deadUpTo else { return }

        var step = Totals()
        step.events = 1
        if event.isCancellation {
            step.returnLines = 1
            step.returnAmount = event.amount < 0 ? 0 &- event.amount : event.amount
        }
        let at = place(event.time)
        if event.isPurchase {
            step.purchaseLines = 1
            step.spend = event.amount
            step.units = event.quantity
        }
        // The lines of an invoice arrive one after the other with the same time. The first one has counted the invoice and
        // its day.
        let isNextLine = counted.time == event.time && counted.invoiceHash == event.invoiceHash
        if !isNextLine {
            count(.invoice, event.invoiceHash, at: event.time, deadUpTo, &step)
            counted = Counted(time: event.time, invoiceHash: event.invoiceHash, isPurchase: false)
        }
        if event.isPurchase {
            if !counted.isPurchase {
                counted.isPurchase = true
                let day = EventTime.day(of: event.time)
                if count(.purchaseInvoice, event.invoiceHash, at: event.time, deadUpTo, &step) {
                    lifetime.purchaseInvoices &+= 1
                }
                if count(.purchaseDay, UInt64(UInt32(bitPattern: day)), at: event.time, deadUpTo, &step) {
                    lifetime.purchaseDays &+= 1
                }
                if day > EventTime.day(of: clock) - Int32(Windows.longestDays) { purchaseDays.insert(day) }
            }
            if !count(.product, event.stockCodeHash, at: event.time, deadUpTo, &step) { lifetime.repeatLines &+= 1 }
            if event.descriptionHash != 0 {
                count(.description, event.descriptionHash, at: event.time, deadUpTo, &step)
            }
        }
        buckets[at].totals += step
        addToWindows(step, at: at)
    }

    /// Advances the clock and subtracts from each window the buckets that have left it. An earlier time changes nothing.
    /// - Complexity: O(1) amortised.
    public mutating func advance(to time: Int64) {
        guard time > clock else { return }
        let dayPassed = EventTime.day(of: time) != EventTime.day(of: clock)
        clock = time
        for window in 0..<Windows.count {
            let leavesUpTo = time &- Windows.milliseconds[window]
            var start = starts[window]
            while start < buckets.count, buckets[start].time <= leavesUpTo {
                totals[window] -= buckets[start].totals
                start &+= 1
            }
            starts[window] = start
        }
        expired = starts[Windows.count - 1]
        if expired > 16, expired > buckets.count / 2 { compact() }
        if dayPassed { purchaseDays.expire(upTo: EventTime.day(of: time) - Int32(Windows.longestDays)) }
    }

    /// A copy of the state as it will be at a later time if no event comes until then.
    public func advanced(to time: Int64) -> CustomerState {
        var copy = self
        copy.advance(to: time)
        return copy
    }

    /// The index of the bucket at `time`, which is inserted if there is none.
    private mutating func place(_ time: Int64) -> Int {
        if let last = buckets.last, last.time >= time {
            if last.time == time { return buckets.count - 1 }
            let at = index(of: time)
            if buckets[at].time == time { return at }
            buckets.insert(TimeBucket(time: time), at: at)
            // In the windows that do not reach back to this time, the first bucket has moved up by one.
            for window in 0..<Windows.count where time <= clock &- Windows.milliseconds[window] { starts[window] += 1 }
            return at
        }
        buckets.append(TimeBucket(time: time))
        // A late event may be the latest bucket and yet too old for the shorter windows: they start behind it.
        for window in 0..<Windows.count where time <= clock &- Windows.milliseconds[window] {
            starts[window] = buckets.count
        }
        return buckets.count - 1
    }

    func index(of time: Int64) -> Int {
        var low = expired
        var high = buckets.count
        while low < high {
            let middle = (low + high) >> 1
            if buckets[middle].time >= time { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func addToWindows(_ step: Totals, at bucket: Int) {
        for window in 0..<Windows.count where bucket >= starts[window] { totals[window] += step }
    }

    /// Counts a key as distinct at its latest occurrence: adds it to `step`, the sums of the event's time, and subtracts it
    /// from the bucket of its occurrence before.
    /// - Returns: whether the key is new to the longest window.
    @discardableResult
    @inline(__always)
    private mutating func count(
        _ kind: KeyKind, _ hash: UInt64, at time: Int64, _ deadUpTo: Int64, _ step: inout Totals
    ) -> Bool {
        let previous = latest.record(kind.key(hash), at: time, deadUpTo: deadUpTo)
        if let previous {
            if previous >= time { return false }
            uncount(kind, at: previous)
        }
        kind.adjust(&step, by: 1)
        return previous == nil
    }

    private mutating func uncount(_ kind: KeyKind, at time: Int64) {
        let at = index(of: time)
        kind.adjust(&buckets[at].totals, by: -1)
        for window in 0..<Windows.count where at >= starts[window] { kind.adjust(&totals[window], by: -1) }
    }

    /// Drops the buckets that have left the longest window.
    mutating func compact() {
        buckets.removeFirst(expired)
        for window in 0..<Windows.count { starts[window] -= expired }
        expired = 0
    }
}
