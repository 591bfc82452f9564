import Events

/// All that is remembered of one customer: a pure function of that customer's events in the order of the stream.
///
/// Windows slide in event time, exact to the millisecond. The clock is the latest event time seen and never goes back;
/// an event that arrives late is counted where it belongs if it is still in a window, and in the lifetime totals in any
/// case. Memory is one `Moment` per distinct event time and one key per distinct invoice, product, description and day
/// of the longest window, up to a bound (see `keepWithinBounds`).
public struct CustomerState: Sendable {
    /// The events of one instant.
    @usableFromInline
    struct Moment: Equatable, Sendable {
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
    public internal(set) var lifetime: Lifetime
    /// The events since the invoice number last changed, in the order of the stream.
    public internal(set) var basket = Basket()
    public internal(set) var purchaseDays = PurchaseDays()

    /// Instants of the longest window, ascending; those before `expired` have left it.
    @usableFromInline var moments: [Moment] = []
    @usableFromInline var expired = 0
    /// For each window, the first moment inside and the totals from there on.
    @usableFromInline var starts: InlineArray<6, Int> = InlineArray(repeating: 0)
    @usableFromInline var totals: InlineArray<6, Totals> = InlineArray(repeating: Totals())
    @usableFromInline var latest = LatestTable()
    /// What has been counted last; not kept, for what is counted twice changes nothing.
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

    /// How many instants are remembered.
    public var momentCount: Int { moments.count - expired }

    /// Memory that the state occupies, bytes.
    public var memoryBytes: Int {
        MemoryLayout<CustomerState>.size + moments.capacity * MemoryLayout<Moment>.stride
            + latest.slots.capacity * MemoryLayout<LatestTable.Slot>.stride
            + (purchaseDays.days.capacity + purchaseDays.sortedGaps.capacity) * MemoryLayout<Int32>.stride
    }

    /// Takes in one event.
    /// - Complexity: O(1) amortised for events in order of time; a late one is placed by binary search and insertion
    ///   among the moments of the longest window.
    public mutating func update(_ event: CustomerEvent) {
        advance(to: event.time)
        basket.add(event)
        lifetime.add(event, basketSpend: basket.spend)
        // Whatever becomes of the event, so that no order of events gets past it.
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
        // The lines of an invoice follow one another at one time, and count it and its day once.
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
        moments[at].totals += step
        addToWindows(step, at: at)
    }

    /// Moves the clock on, so that windows give back what has left them; an earlier time changes nothing.
    /// - Complexity: O(1) amortised.
    public mutating func advance(to time: Int64) {
        guard time > clock else { return }
        let dayPassed = EventTime.day(of: time) != EventTime.day(of: clock)
        clock = time
        for window in 0..<Windows.count {
            let leavesUpTo = time &- Windows.milliseconds[window]
            var start = starts[window]
            while start < moments.count, moments[start].time <= leavesUpTo {
                totals[window] -= moments[start].totals
                start &+= 1
            }
            starts[window] = start
        }
        expired = starts[Windows.count - 1]
        if expired > 16, expired > moments.count / 2 { compact() }
        if dayPassed { purchaseDays.expire(upTo: EventTime.day(of: time) - Int32(Windows.longestDays)) }
    }

    /// The state as it will stand at a later time if nothing happens until then.
    public func advanced(to time: Int64) -> CustomerState {
        var copy = self
        copy.advance(to: time)
        return copy
    }

    /// The index of the moment at `time`, made if there is none.
    private mutating func place(_ time: Int64) -> Int {
        if let last = moments.last, last.time >= time {
            if last.time == time { return moments.count - 1 }
            let at = index(of: time)
            if moments[at].time == time { return at }
            moments.insert(Moment(time: time), at: at)
            // A window starts behind the new moment if it starts behind its time.
            for window in 0..<Windows.count where time <= clock &- Windows.milliseconds[window] { starts[window] += 1 }
            return at
        }
        moments.append(Moment(time: time))
        // A window that this moment has already left must start behind it.
        for window in 0..<Windows.count where time <= clock &- Windows.milliseconds[window] {
            starts[window] = moments.count
        }
        return moments.count - 1
    }

    func index(of time: Int64) -> Int {
        var low = expired
        var high = moments.count
        while low < high {
            let middle = (low + high) >> 1
            if moments[middle].time >= time { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func addToWindows(_ step: Totals, at moment: Int) {
        for window in 0..<Windows.count where moment >= starts[window] { totals[window] += step }
    }

    /// Counts a key as distinct at its latest occurrence: in `step`, which is for this time, and not any more where it
    /// occurred before.
    /// - Returns: whether it is new to the longest window.
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
        kind.adjust(&moments[at].totals, by: -1)
        for window in 0..<Windows.count where at >= starts[window] { kind.adjust(&totals[window], by: -1) }
    }

    mutating func compact() {
        moments.removeFirst(expired)
        for window in 0..<Windows.count { starts[window] -= expired }
        expired = 0
    }
}
