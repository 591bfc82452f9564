import CPrefetch

/// Where the predictions begin that wait for their labels, by customer: open addressing, as in `CustomerTable`.
struct WaitingCustomers: Sendable {
    /// One customer's. Places are numbers of predictions plus one, 0 for none.
    struct Chains: BitwiseCopyable, Sendable {
        fileprivate(set) var customerHash: UInt64 = 0
        /// The invoice of the customer's latest prediction.
        var invoiceHash: UInt64 = 0
        /// The latest prediction of that invoice. Each leads to the one before it, and the first to what was the latest of
        /// all others then.
        var current = 0
        /// The latest of all others that waits.
        var older = 0
        /// None up to this one waits.
        var decided = 0

        /// Adds a prediction of the invoice.
        /// - Returns: steps back from it to the one before; 0 when there is none.
        mutating func add(_ at: Int) -> UInt32 {
            defer { current = at }
            let before = current == 0 ? older : current
            return before == 0 ? 0 : UInt32(at - before)
        }
    }

    private static let smallest = 64
    private var slots = OwnedMemory(repeating: Chains(), count: smallest)
    private var used = 0

    private var mask: Int { slots.capacity - 1 }

    /// - Precondition: for a change, `slot(of:invoiceHash:after:)` has given the slot, and this value has not been copied since.
    subscript(slot: Int) -> Chains {
        get { slots.start[slot & mask] }
        _modify { yield &slots.start[slot & mask] }
    }

    /// The customer's slot, made if there is none; good until the next one is asked for.
    /// - Parameter first: places up to this have gone; customers of whom only such wait are dropped to make room.
    mutating func slot(of customerHash: UInt64, invoiceHash: UInt64, after first: Int) -> Int {
        let key = Self.key(customerHash)
        if used * 2 >= slots.capacity { makeRoom(after: first) }
        slots.own(slots.capacity)
        let slot = slot(of: key)
        if slots.start[slot].customerHash == 0 {
            slots.start[slot].customerHash = key
            slots.start[slot].invoiceHash = invoiceHash
            used += 1
        }
        return slot
    }

    /// Asks for the memory of a customer's slot.
    func fetch(_ customerHash: UInt64) { cp_prefetch(slots.start + Int(truncatingIfNeeded: customerHash) & mask) }

    /// The latest prediction of an invoice other than this, of the customer in the hash's own slot: nearly always the one
    /// that is meant.
    /// - Returns: its number plus one.
    func latest(of customerHash: UInt64, exceptOf invoiceHash: UInt64) -> Int? {
        let chains = slots.start[Int(truncatingIfNeeded: customerHash) & mask]
        guard chains.customerHash == customerHash else { return nil }
        let at = chains.invoiceHash == invoiceHash || chains.current == 0 ? chains.older : chains.current
        return at == 0 ? nil : at
    }

    /// 0 marks a free slot; who hashes to it shares the one of 1.
    private static func key(_ customerHash: UInt64) -> UInt64 { max(customerHash, 1) }

    /// The slot that has the key, or the free one where it belongs.
    private func slot(of key: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: key) & mask
        while slots.start[slot].customerHash != key, slots.start[slot].customerHash != 0 { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func makeRoom(after first: Int) {
        let kept = UnsafeBufferPointer(start: slots.start, count: slots.capacity)
            .filter { $0.customerHash != 0 && ($0.current > first || $0.older > first) }
        var size = Self.smallest
        while size < kept.count * 4 { size *= 2 }
        slots = OwnedMemory(repeating: Chains(), count: size)
        used = kept.count
        for chains in kept { slots.start[slot(of: chains.customerHash)] = chains }
    }
}
