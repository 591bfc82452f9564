import Events

/// The customers of one partition, by identifier: open addressing over the identifier's hash, states side by side.
///
/// A customer who has been idle longer than the time to live is forgotten: an event that comes later finds nobody and
/// begins anew. That is a function of the partition's events and their order alone; when the memory is given back is not
/// visible.
public struct CustomerTable: Sendable {
    struct Entry: Sendable {
        let hash: UInt64
        /// The state's clock.
        var clock: Int64
        /// Where the identifier's bytes lie in `identifiers`.
        var start: Int
        let count: Int32
    }

    /// In no order that means anything.
    public internal(set) var states: [CustomerState] = []
    /// One a state.
    var entries: [Entry] = []
    var identifiers: [UInt8] = []
    private var unusedIdentifierBytes = 0
    /// Index into `states` plus one; 0 is free. A power of two long.
    var slots = [Int32](repeating: 0, count: 16)
    /// How far the partition has come in event time.
    public internal(set) var clock = PartitionClock()
    private let timeToLive: Int64
    /// The next customer to look at for having been idle too long.
    private var sweep = 0
    var snapshot: Snapshot?
    /// Whether snapshots of what has changed will be asked for.
    let tracksChanges: Bool
    /// Customers changed since the last snapshot.
    var changed = Bitmap()
    /// Identifiers forgotten since the last snapshot.
    var removed: Set<[UInt8]> = []

    /// A customer's state outlives their last event by this, unless told otherwise: two years.
    public static let defaultTimeToLiveDays = 730

    /// - Parameters:
    ///   - timeToLiveDays: at least the longest window.
    ///   - tracksChanges: whether snapshots of what has changed will be asked for.
    public init(timeToLiveDays: Int = defaultTimeToLiveDays, tracksChanges: Bool = false) {
        self.tracksChanges = tracksChanges
        precondition(timeToLiveDays >= Windows.longestDays)
        timeToLive = Int64(timeToLiveDays) * EventTime.millisecondsPerDay
    }

    public var count: Int { states.count }

    /// Takes in an event of a known customer or of a new one.
    /// - Precondition: the event is not anonymous.
    /// - Returns: the customer's index in `states`, good until the next update.
    /// - Complexity: O(1) amortised.
    @discardableResult
    public mutating func update(_ event: CustomerEvent) -> Int {
        precondition(!event.isAnonymous, "anonymous events have no state")
        observe(event.time)
        let index: Int
        if let found = find(event.customerID, hash: event.customerHash) {
            index = found
            keepForSnapshot(index)
            if isGone(entries[index].clock, at: event.time) { states[index] = CustomerState(firstEvent: event) }
        } else {
            index = insert(event.customerID, hash: event.customerHash, CustomerState(firstEvent: event))
            if tracksChanges { noteReturn(of: event.customerID) }
        }
        if tracksChanges { changed.insert(index) }
        states[index].update(event)
        entries[index].clock = states[index].clock
        return index
    }

    /// Lets the partition's clock and the search for idle customers go on for an event that is not taken in.
    /// - Complexity: O(1) amortised.
    public mutating func observe(_ time: Int64) {
        clock.observe(time)
        guard !entries.isEmpty else { return }
        if sweep >= entries.count { sweep = 0 }
        if isGone(entries[sweep].clock, at: clock.time) { remove(sweep) } else { sweep += 1 }
    }

    /// A customer's state where it lies: `states[index]` without a copy of it.
    @inlinable
    public func withState<Result>(at index: Int, _ body: (UnsafePointer<CustomerState>) throws -> Result) rethrows
        -> Result
    {
        try states.withUnsafeBufferPointer { states in
            precondition(index < states.count)
            return try body(states.baseAddress.unsafelyUnwrapped + index)
        }
    }

    /// The index in `states` of a customer who is known and not gone.
    /// - Parameter time: the event time at which is asked.
    public func index(of customerID: UnsafeRawBufferPointer, hash: UInt64, at time: Int64) -> Int? {
        guard let index = find(customerID, hash: hash), !isGone(entries[index].clock, at: time) else { return nil }
        return index
    }

    /// The state of a customer; `nil` when there was no event of them.
    public func state(of customerID: String) -> CustomerState? {
        var customerID = customerID
        return customerID.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return find(bytes, hash: contentHash(bytes)).map { states[$0] }
        }
    }

    /// A customer's identifier.
    public func customerID(at index: Int) -> String { String(decoding: identifier(at: index), as: UTF8.self) }

    /// The identifier of the customer with this hash, if there is one; of two, one.
    /// - Complexity: O(1).
    public func customerID(ofHash hash: UInt64) -> [UInt8]? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if entries[index].hash == hash { return Array(identifier(at: index)) }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The content hash of a customer's identifier.
    public func customerHash(at index: Int) -> UInt64 { entries[index].hash }

    func identifier(at index: Int) -> ArraySlice<UInt8> {
        identifiers[entries[index].start..<(entries[index].start + Int(entries[index].count))]
    }

    /// Memory that the table occupies, and what it will have come to when customers are forgotten as fast as new ones
    /// come: the same rate of new customers over the whole time to live. Bytes, worked out from a sample.
    /// - Complexity: O(1).
    public var estimatedMemory: (bytes: Int, ceiling: Int) {
        let sampled = Array(stride(from: 0, to: states.count, by: max(1, states.count / 512)))
        guard !sampled.isEmpty else { return (0, 0) }
        let each = sampled.reduce(0) { $0 + states[$1].memoryBytes } / sampled.count
        let spare = (states.capacity - states.count) * MemoryLayout<CustomerState>.stride
        let bytes =
            each * states.count + spare + entries.capacity * MemoryLayout<Entry>.stride + identifiers.capacity
            + slots.capacity * MemoryLayout<Int32>.stride
        let first = sampled.map { states[$0].lifetime.firstEventTime }.min() ?? 0
        let span = max(clock.time - first, EventTime.millisecondsPerDay)
        return (bytes, bytes * Int(max(1, timeToLive / span)))
    }

    /// Whether a customer last seen at `last` has been idle too long when the partition has come to `time` or beyond.
    private func isGone(_ last: Int64, at time: Int64) -> Bool { max(clock.time, time) &- last > timeToLive }

    func find(_ customerID: UnsafeRawBufferPointer, hash: UInt64) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            let entry = entries[index]
            if entry.hash == hash, Int(entry.count) == customerID.count,
                identifiers.withUnsafeBytes({
                    customerID.hasSameBytes(
                        as: UnsafeRawBufferPointer(rebasing: $0[entry.start..<(entry.start + Int(entry.count))]))
                })
            {
                return index
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    mutating func insert(_ customerID: UnsafeRawBufferPointer, hash: UInt64, _ state: CustomerState) -> Int {
        if states.count * 2 >= slots.count { grow() }
        let index = states.count
        states.append(state)
        entries.append(
            Entry(hash: hash, clock: state.clock, start: identifiers.count, count: Int32(customerID.count)))
        identifiers.append(contentsOf: customerID)
        occupy(index, hash: hash)
        return index
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 2)
        for (index, entry) in entries.enumerated() { occupy(index, hash: entry.hash) }
    }

    private mutating func occupy(_ index: Int, hash: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(index + 1)
    }

    // MARK: Forgetting

    /// One who is back is not gone.
    private mutating func noteReturn(of customerID: UnsafeRawBufferPointer) {
        if removed.isEmpty, snapshot?.removed.isEmpty ?? true { return }
        let customerID = Array(customerID)
        removed.remove(customerID)
        snapshot?.removed.remove(customerID)
    }

    /// Forgets a customer; the last one takes their place.
    mutating func remove(_ index: Int) {
        keepForSnapshot(index)
        let last = states.count - 1
        if index != last { keepForSnapshot(last) }
        if tracksChanges {
            removed.insert(Array(identifier(at: index)))
            changed.move(last, to: index)
            snapshot?.changed.move(last, to: index)
        }
        vacate(slot(of: index))
        unusedIdentifierBytes += Int(entries[index].count)
        if index != last {
            slots[slot(of: last)] = Int32(index + 1)
            states.swapAt(index, last)
            entries.swapAt(index, last)
        }
        states.removeLast()
        entries.removeLast()
        if unusedIdentifierBytes > 4096, unusedIdentifierBytes * 2 > identifiers.count { closeUpIdentifiers() }
    }

    private func slot(of index: Int) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: entries[index].hash) & mask
        while Int(slots[slot]) != index + 1 { slot = (slot + 1) & mask }
        return slot
    }

    /// Frees a slot and moves up those behind it that would not be found any more (Knuth, TAOCP 6.4, algorithm R).
    private mutating func vacate(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: entries[Int(slots[next]) - 1].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    private mutating func closeUpIdentifiers() {
        var kept: [UInt8] = []
        kept.reserveCapacity(identifiers.count - unusedIdentifierBytes)
        for index in entries.indices {
            let bytes = identifier(at: index)
            entries[index].start = kept.count
            kept.append(contentsOf: bytes)
        }
        identifiers = kept
        unusedIdentifierBytes = 0
    }
}
