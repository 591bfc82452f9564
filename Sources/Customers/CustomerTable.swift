import Events

/// The customers of one partition by identifier: open addressing over the identifier's hash, states in one array.
///
/// A customer who has been idle for longer than the time to live is removed: a later event of theirs starts a new state.
/// Who is removed follows from the partition's events and their order alone. The memory is freed some time later, which
/// nobody can observe.
public struct CustomerTable: Sendable {
    struct Entry: Sendable {
        let hash: UInt64
        /// The clock of the customer's state.
        var clock: Int64
        /// Where the identifier's bytes start in `identifiers`.
        var start: Int
        let count: Int32
        /// The table's `undoEpoch` at the time when the customer was last logged, so that each is logged once an epoch.
        var undoEpoch: UInt32
    }

    /// The customers' states. Their order has no meaning and changes when a customer is removed.
    public internal(set) var states: [CustomerState] = []
    /// The entry of each state.
    var entries: [Entry] = []
    var identifiers: [UInt8] = []
    /// Bytes of `identifiers` that belong to removed customers.
    var unusedIdentifierBytes = 0
    /// Index into `states` plus one; 0 is a free slot. The count is a power of two.
    var slots = [Int32](repeating: 0, count: 16)
    let slotKey = SlotKey()
    /// How far the partition has come in event time.
    public internal(set) var clock = PartitionClock()
    let timeToLive: Int64
    /// The next customer to check for having been idle too long.
    var sweep = 0
    /// The snapshot being written.
    var snapshot: Snapshot?
    /// Whether snapshots of changes will be taken.
    let tracksChanges: Bool
    /// Changes since the latest snapshot began.
    var changes = Changes()
    /// What the latest finished snapshot covered, for the case that it does not become durable.
    var finishedChanges: Changes?
    /// Counts the undo points; 0 while changes are not logged.
    var undoEpoch: UInt32 = 0
    var undoLog = UndoLog()
    /// Identifiers of customers who have been removed in this batch, by their hashes; `nil` where nobody asks for them.
    private(set) var removedIdentifiers: [UInt64: [UInt8]]?

    /// Customers removed from now on are known by their hashes until this is called again: once a batch, so that what is
    /// published of a customer does not depend on where batches begin and end. Without it they are forgotten at once.
    package mutating func keepRemovedIdentifiers() {
        if removedIdentifiers?.isEmpty != true { removedIdentifiers = [:] }
    }

    /// Keeps the identifier of a customer who is about to be removed.
    mutating func keepIdentifier(of index: Int) {
        if removedIdentifiers == nil { return }
        let bytes = Array(identifier(at: index))
        removedIdentifiers?[entries[index].hash] = bytes
    }

    /// How long a customer's state outlives their latest event unless configured otherwise: two years.
    package static let defaultTimeToLiveDays = 730

    /// An empty table.
    /// - Parameters:
    ///   - timeToLiveDays: how long a state outlives the customer's latest event; at least the longest window.
    ///   - tracksChanges: whether snapshots of changes will be taken.
    package init(timeToLiveDays: Int = defaultTimeToLiveDays, tracksChanges: Bool = false) {
        self.tracksChanges = tracksChanges
        precondition(timeToLiveDays >= Windows.longestDays)
        timeToLive = Int64(timeToLiveDays) * EventTime.millisecondsPerDay
    }

    /// How many customers are in memory, including some who have been idle too long and are about to be removed.
    public var count: Int { states.count }

    /// Updates the state of the event's customer, whom it adds to the table if they are not in it.
    /// - Precondition: the event is not anonymous.
    /// - Returns: the customer's index in `states`, valid until the next update.
    /// - Complexity: O(1) amortised.
    @discardableResult
    public mutating func update(_ event: CustomerEvent) -> Int {
        precondition(!event.isAnonymous, "anonymous events have no state")
        observe(event.time)
        let index: Int
        if let found = find(event.customerID, hash: event.customerHash) {
            index = found
            prepareToChange(index)
            if isGone(entries[index].clock, at: event.time) { states[index] = CustomerState(firstEvent: event) }
        } else {
            index = insert(event.customerID, hash: event.customerHash, CustomerState(firstEvent: event))
            if tracksChanges { noteReturn(of: event.customerID) }
        }
        if tracksChanges { changes.customers.insert(index) }
        states[index].update(event)
        entries[index].clock = states[index].clock
        return index
    }

    /// Advances the partition's clock, and the search for idle customers by one step.
    ///
    /// `update` does so itself. Call this for an event that does not change any state.
    /// - Parameter time: event time, milliseconds.
    /// - Complexity: O(1) amortised.
    public mutating func observe(_ time: Int64) {
        clock.observe(time)
        guard !entries.isEmpty else { return }
        if sweep >= entries.count { sweep = 0 }
        if isGone(entries[sweep].clock, at: clock.time) { remove(sweep) } else { sweep += 1 }
    }

    /// Keeps what the snapshot under way and the undo log need of a state that is about to change.
    @inline(__always)
    mutating func prepareToChange(_ index: Int) {
        keepForSnapshot(index)
        // Equal for a customer who has been logged, and for everybody while nothing is logged.
        if entries[index].undoEpoch != undoEpoch { logUpdate(of: index) }
    }

    /// Whether a customer whose latest event was at `last` has been idle too long when the partition has come to `time`
    /// or beyond.
    func isGone(_ last: Int64, at time: Int64) -> Bool { max(clock.time, time) &- last > timeToLive }

    /// Adds a customer who is not in the table.
    mutating func insert(_ customerID: UnsafeRawBufferPointer, hash: UInt64, _ state: CustomerState) -> Int {
        if states.count * 2 >= slots.count { grow() }
        let index = states.count
        states.append(state)
        entries.append(
            Entry(
                hash: hash, clock: state.clock, start: identifiers.count, count: Int32(customerID.count),
                undoEpoch: undoEpoch))
        identifiers.append(contentsOf: customerID)
        occupy(index, hash: hash)
        if undoEpoch != 0 { logInsertion() }
        return index
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 2)
        for (index, entry) in entries.enumerated() { occupy(index, hash: entry.hash) }
    }

    /// Enters an index in the first free slot from the hash's home on.
    mutating func occupy(_ index: Int, hash: UInt64) {
        let mask = slots.count - 1
        var slot = slotKey.home(of: hash, in: slots.count)
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(index + 1)
    }
}
