/// The inverse of each change to a `CustomerTable` since its undo point, in the order of the changes.
struct UndoLog: Sendable {
    /// A change; what it replaced or removed is in `states`.
    enum Operation: Sendable {
        /// A customer's first update since the undo point. Later ones need no log: the first holds the state to go back to.
        case update(index: Int)
        /// A new customer at the end.
        case insertion
        /// A customer was removed, and the last one moved to their index.
        case removal(index: Int, hash: UInt64, identifier: [UInt8])
    }

    /// Most bytes of a log. A table that changes more than this between two undo points cannot be undone.
    static let byteLimit = 64 << 20

    private var operations: [Operation] = []
    /// The states before each update and removal. They share their arrays with the table until it changes them.
    private var states: [CustomerState] = []
    /// Estimated memory of the log.
    private(set) var bytes = 0
    /// The table's clock and sweep position at the undo point.
    var clock = PartitionClock()
    var sweep = 0
    /// The epoch of the latest undo point.
    var latestEpoch: UInt32 = 0

    var count: Int { operations.count }

    mutating func append(_ operation: Operation, _ state: CustomerState? = nil) {
        operations.append(operation)
        bytes += MemoryLayout<Operation>.stride
        if case .removal(_, _, let identifier) = operation { bytes += identifier.count }
        guard let state else { return }
        states.append(state)
        bytes += state.memoryBytes
    }

    mutating func popOperation() -> Operation? { operations.popLast() }

    mutating func popState() -> CustomerState { states.removeLast() }

    /// Forgets all operations. The memory of a few stays reserved for the next ones.
    mutating func removeAll() {
        let isSmall = operations.count <= 1024
        operations.removeAll(keepingCapacity: isSmall)
        states.removeAll(keepingCapacity: isSmall)
        bytes = 0
    }
}
