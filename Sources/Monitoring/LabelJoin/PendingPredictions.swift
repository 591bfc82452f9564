import CPrefetch
import Customers

/// For each customer, the heads of the linked lists of predictions that are pending.
///
/// An open-addressing table with linear probing, as in `CustomerTable`. The links are in the predictions themselves.
struct PendingPredictions: Sendable {
    /// One customer's lists. Predictions are given by their number plus one; 0 is none.
    struct Chains: BitwiseCopyable, Sendable {
        fileprivate(set) var customerHash: UInt64 = 0
        /// The invoice of the customer's latest prediction.
        fileprivate(set) var invoiceHash: UInt64 = 0
        /// Head of the list of that invoice's predictions. Its tail links to the list of earlier invoices.
        fileprivate(set) var current = 0
        /// Head of the list of earlier invoices' predictions. Resolved ones may remain in it.
        var older = 0
        /// Predictions up to this one are resolved: where a walk of the list may end.
        var resolvedUpTo = 0

        /// Makes an invoice the current one. Predictions of the invoice before it join the older ones.
        mutating func begin(_ invoiceHash: UInt64) {
            guard invoiceHash != self.invoiceHash else { return }
            self.invoiceHash = invoiceHash
            guard current != 0 else { return }
            older = current
            current = 0
        }

        /// Adds a prediction of the current invoice.
        /// - Returns: steps back from it to the one before it; 0 when there is none.
        mutating func add(_ at: Int) -> UInt32 {
            defer { current = at }
            let before = current == 0 ? older : current
            return before == 0 ? 0 : UInt32(at - before)
        }
    }

    private static let smallest = 64
    private var slots = OwnedMemory(repeating: Chains(), count: smallest)
    private let slotKey = SlotKey()
    /// Customers in the table.
    private(set) var count = 0

    /// Slots, a power of two.
    var capacity: Int { slots.capacity }
    /// Whether `makeRoom` must come before the next `claim`.
    var isFull: Bool { count * 2 >= capacity }

    private var mask: Int { capacity - 1 }

    /// - Precondition: before a change, `find` has returned the slot, and this value has not been copied since.
    subscript(slot: Int) -> Chains {
        get { slots.start[slot & mask] }
        _modify { yield &slots.start[slot & mask] }
    }

    /// The customer's slot, or the free one where the customer belongs; valid until `makeRoom`.
    @inline(__always)
    mutating func find(_ customerHash: UInt64) -> Int {
        slots.own(capacity)
        return slot(of: Self.key(customerHash))
    }

    /// Puts the customer into the slot that `find` returned, unless it is there already.
    @inline(__always)
    mutating func claim(_ slot: Int, _ customerHash: UInt64, invoiceHash: UInt64) {
        guard slots.start[slot].customerHash == 0 else { return }
        slots.start[slot].customerHash = Self.key(customerHash)
        slots.start[slot].invoiceHash = invoiceHash
        count += 1
    }

    /// Prefetches a customer's slot.
    func prefetch(_ customerHash: UInt64) { cp_prefetch(slots.start + slotKey.home(of: customerHash, in: capacity)) }

    /// The latest prediction of another invoice, for prefetching. Only the customer's first slot is looked at, where nearly
    /// all customers are.
    /// - Returns: its number plus one.
    func latest(of customerHash: UInt64, exceptOf invoiceHash: UInt64) -> Int? {
        let chains = slots.start[slotKey.home(of: customerHash, in: capacity)]
        guard chains.customerHash == customerHash else { return nil }
        let at = chains.invoiceHash == invoiceHash || chains.current == 0 ? chains.older : chains.current
        return at == 0 ? nil : at
    }

    /// Rehashes the table without the customers whose predictions have all been removed.
    /// - Parameter first: number of the first prediction kept.
    /// - Complexity: O(capacity).
    mutating func makeRoom(after first: Int) {
        let kept = UnsafeBufferPointer(start: slots.start, count: capacity)
            .filter { $0.customerHash != 0 && ($0.current > first || $0.older > first) }
        var size = Self.smallest
        while size < kept.count * 4 { size *= 2 }
        slots = OwnedMemory(repeating: Chains(), count: size)
        count = kept.count
        for chains in kept { slots.start[slot(of: chains.customerHash)] = chains }
    }

    /// Takes back changes of slots.
    /// - Parameters:
    ///   - changes: in the order in which they were made.
    ///   - count: of the customers before them.
    mutating func restore(_ changes: [LabelJoinJournal.SlotChange], count: Int) {
        slots.own(capacity)
        for change in changes.reversed() { slots.start[change.slot & mask] = change.chains }
        self.count = count
    }

    /// 0 marks a free slot, so a customer whose hash is 0 shares the slot of hash 1.
    private static func key(_ customerHash: UInt64) -> UInt64 { max(customerHash, 1) }

    /// The slot that has the key, or the free one where it belongs.
    private func slot(of key: UInt64) -> Int {
        var slot = slotKey.home(of: key, in: capacity)
        while slots.start[slot].customerHash != key, slots.start[slot].customerHash != 0 { slot = (slot + 1) & mask }
        return slot
    }
}
