import CPrefetch
import Events

/// Asking for a customer's memory before the event's turn comes.
///
/// With millions of customers nothing of one is in a cache when their event arrives, and one thing has to be read to
/// know where the next one lies: slot, state, history. So the table is told of events that are a few ahead, several
/// times each, and the fetches of several customers overlap. Nothing of this changes what an event does.
extension CustomerTable {
    /// How many events ahead of its turn each step is best taken.
    private static let slotDistance = 16
    private static let stateDistance = 12
    private static let arraysDistance = 8
    private static let historyDistance = 4

    /// To be called before each event of a batch is taken in.
    /// - Parameters:
    ///   - position: the event whose turn it is.
    ///   - event: the event at a position below `count`.
    @inline(__always)
    public func lookAhead(from position: Int, count: Int, _ event: (Int) -> CustomerEvent) {
        if position == 0 {
            for early in 0..<min(Self.slotDistance, count) { fetchSlot(event(early).customerHash) }
            for early in 0..<min(Self.stateDistance, count) { fetchState(event(early).customerHash) }
        }
        if position + Self.slotDistance < count { fetchSlot(event(position + Self.slotDistance).customerHash) }
        if position + Self.stateDistance < count { fetchState(event(position + Self.stateDistance).customerHash) }
        if position + Self.arraysDistance < count { fetchArrays(event(position + Self.arraysDistance).customerHash) }
        if position + Self.historyDistance < count { fetchHistory(event(position + Self.historyDistance)) }
    }

    private func fetchSlot(_ hash: UInt64) {
        slots.withUnsafeBufferPointer { slots in
            cp_prefetch(slots.baseAddress.unsafelyUnwrapped + Int(truncatingIfNeeded: hash) & (slots.count - 1))
        }
    }

    /// The customer in the hash's own slot: nearly always the one that is meant.
    private func likelyIndex(_ hash: UInt64) -> Int {
        Int(slots[Int(truncatingIfNeeded: hash) & (slots.count - 1)]) - 1
    }

    private func fetchState(_ hash: UInt64) {
        let index = likelyIndex(hash)
        guard index >= 0, index < entries.count else { return }
        entries.withUnsafeBufferPointer { cp_prefetch($0.baseAddress.unsafelyUnwrapped + index) }
        states.withUnsafeBufferPointer { states in
            let state = UnsafeRawPointer(states.baseAddress.unsafelyUnwrapped + index)
            for line in stride(from: 0, to: MemoryLayout<CustomerState>.stride, by: 64) { cp_prefetch(state + line) }
        }
    }

    private func fetchArrays(_ hash: UInt64) {
        let index = likelyIndex(hash)
        guard index >= 0, index < entries.count else { return }
        let start = entries.withUnsafeBufferPointer { $0[index].start }
        identifiers.withUnsafeBufferPointer { cp_prefetch($0.baseAddress.unsafelyUnwrapped + start) }
        states.withUnsafeBufferPointer { StateAddresses(states: $0, index).fetchArrays() }
    }

    private func fetchHistory(_ event: CustomerEvent) {
        let index = likelyIndex(event.customerHash)
        guard index >= 0, index < entries.count else { return }
        states.withUnsafeBufferPointer { StateAddresses(states: $0, index).fetchElements(event) }
    }
}

/// Where a state's arrays lie, without touching them: to hold an array is to count its holders, in memory that is not
/// there yet.
///
/// An array is a pointer to its storage, whose count is at byte 16 and whose elements are from byte 32 on; an empty one's
/// storage has a count too. What is read of it only says what to fetch early.
private struct StateAddresses {
    private let state: UnsafeRawPointer

    init(states: UnsafeBufferPointer<CustomerState>, _ index: Int) {
        state = UnsafeRawPointer(states.baseAddress.unsafelyUnwrapped + index)
    }

    private static let moments = offset(of: \.moments)
    private static let keys = offset(of: \.latest.slots)
    private static let days = offset(of: \.purchaseDays.days)
    private static let gaps = offset(of: \.purchaseDays.sortedGaps)

    private static func offset(of property: PartialKeyPath<CustomerState>) -> Int {
        guard let offset = MemoryLayout<CustomerState>.offset(of: property) else {
            preconditionFailure("no stored property: \(property)")
        }
        return offset
    }

    private func storage(_ offset: Int) -> UnsafeRawPointer {
        state.load(fromByteOffset: offset, as: UnsafeRawPointer.self)
    }

    private static func count(_ storage: UnsafeRawPointer) -> Int { storage.load(fromByteOffset: 16, as: Int.self) }

    func fetchArrays() {
        cp_prefetch(storage(Self.moments))
        cp_prefetch(storage(Self.keys))
        cp_prefetch(storage(Self.days))
        cp_prefetch(storage(Self.gaps))
    }

    /// What an event of the customer will touch.
    func fetchElements(_ event: CustomerEvent) {
        let moments = storage(Self.moments)
        let last = moments + 32 + Self.count(moments) &* MemoryLayout<CustomerState.Moment>.stride
        cp_prefetch(last)
        cp_prefetch(last - 64)
        let keys = storage(Self.keys)
        let mask = Self.count(keys) - 1
        func fetch(_ kind: KeyKind, _ hash: UInt64) {
            cp_prefetch(
                keys + 32 + (Int(truncatingIfNeeded: kind.key(hash)) & mask) &* MemoryLayout<LatestTable.Slot>.stride)
        }
        fetch(.invoice, event.invoiceHash)
        guard event.isPurchase else { return }
        fetch(.purchaseInvoice, event.invoiceHash)
        fetch(.purchaseDay, UInt64(UInt32(bitPattern: EventTime.day(of: event.time))))
        fetch(.product, event.stockCodeHash)
        fetch(.description, event.descriptionHash)
    }
}
