import CPrefetch

/// Where the predictions begin that wait for their labels, by customer: open addressing, as in `CustomerTable`.
struct WaitingCustomers: Sendable {
    /// One customer's. Places are numbers of predictions plus one, 0 for none.
    struct Chains: Sendable {
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
    private var slots = Array(repeating: Chains(), count: smallest)
    private var used = 0

    subscript(slot: Int) -> Chains {
        get { slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// The customer's slot, made if there is none; good until the next one is asked for.
    /// - Parameter first: places up to this have gone; customers of whom only such wait are dropped to make room.
    mutating func slot(of customerHash: UInt64, invoiceHash: UInt64, after first: Int) -> Int {
        // 0 marks a free slot; who hashes to it shares the one of 1.
        let key = max(customerHash, 1)
        if used * 2 >= slots.count { makeRoom(after: first) }
        let slot = Self.slot(of: key, in: slots)
        if slots[slot].customerHash == 0 {
            slots[slot].customerHash = key
            slots[slot].invoiceHash = invoiceHash
            used += 1
        }
        return slot
    }

    /// Asks for the memory of a customer's slot.
    func fetch(_ customerHash: UInt64) {
        slots.withUnsafeBufferPointer { slots in
            cp_prefetch(slots.baseAddress.unsafelyUnwrapped + Int(truncatingIfNeeded: customerHash) & (slots.count - 1))
        }
    }

    /// The latest prediction of an invoice other than this, of the customer in the hash's own slot: nearly always the one
    /// that is meant.
    /// - Returns: its number plus one.
    func latest(of customerHash: UInt64, exceptOf invoiceHash: UInt64) -> Int? {
        let chains = slots[Int(truncatingIfNeeded: customerHash) & (slots.count - 1)]
        guard chains.customerHash == customerHash else { return nil }
        let at = chains.invoiceHash == invoiceHash || chains.current == 0 ? chains.older : chains.current
        return at == 0 ? nil : at
    }

    /// The slot that has the key, or the free one where it belongs.
    private static func slot(of key: UInt64, in slots: [Chains]) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key) & mask
        while slots[slot].customerHash != key, slots[slot].customerHash != 0 { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func makeRoom(after first: Int) {
        let kept = slots.filter { $0.customerHash != 0 && ($0.current > first || $0.older > first) }
        var size = Self.smallest
        while size < kept.count * 4 { size *= 2 }
        slots = Array(repeating: Chains(), count: size)
        used = kept.count
        for chains in kept { slots[Self.slot(of: chains.customerHash, in: slots)] = chains }
    }
}
