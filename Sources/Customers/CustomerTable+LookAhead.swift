import CPrefetch
import Events

/// Prefetching a customer's memory some events before their own event is processed.
///
/// With millions of customers none of a customer's memory is in a cache when their event arrives, and each part has the
/// address of the next: slot, state, arrays. So each part is prefetched a few events after the one before, and the cache
/// misses of several customers overlap. Prefetching has no effect on the result.
extension CustomerTable {
    /// How many events before its own event each part is prefetched; chosen by measurement.
    private static let slotDistance = 16
    private static let stateDistance = 12
    private static let arraysDistance = 8
    private static let historyDistance = 4

    /// Prefetches for the events ahead. To be called before each event of a batch is processed.
    /// - Parameters:
    ///   - position: the position in the batch of the event that is processed next.
    ///   - count: events in the batch.
    ///   - event: returns the event at a position below `count`.
    /// - Complexity: O(1).
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
            cp_prefetch(slots.baseAddress.unsafelyUnwrapped + slotKey.home(of: hash, in: slots.count))
        }
    }

    /// The index in the hash's own slot: the customer's, unless another one occupies their slot.
    private func likelyIndex(_ hash: UInt64) -> Int {
        Int(slots[slotKey.home(of: hash, in: slots.count)]) - 1
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

/// The addresses of a state's arrays. An `Array` value is not used, because copying it would write a reference count into
/// memory that is not in the cache yet.
///
/// An array is a pointer to its storage, with the count at byte 16 and the elements from byte 32 on; the storage of an
/// empty array has a count as well. A wrong address could only prefetch in vain.
private struct StateAddresses {
    private let state: UnsafeRawPointer

    init(states: UnsafeBufferPointer<CustomerState>, _ index: Int) {
        state = UnsafeRawPointer(states.baseAddress.unsafelyUnwrapped + index)
    }

    private static let buckets = offset(of: \.buckets)
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
        cp_prefetch(storage(Self.buckets))
        cp_prefetch(storage(Self.keys))
        cp_prefetch(storage(Self.days))
        cp_prefetch(storage(Self.gaps))
    }

    /// Prefetches the elements that the customer's event will read or write.
    func fetchElements(_ event: CustomerEvent) {
        let buckets = storage(Self.buckets)
        let last = buckets + 32 + Self.count(buckets) &* MemoryLayout<CustomerState.TimeBucket>.stride
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
