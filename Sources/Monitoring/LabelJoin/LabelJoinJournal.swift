/// The changes of a `LabelJoin` since its undo point. An entry holds the content of a place before it changed.
///
/// - Appended predictions need no entry, since the undo point knows where they begin.
/// - A customer's slot is logged before each of the customer's events: 48 bytes.
/// - An older prediction's label and link are logged before they change: 16 bytes.
/// - Removed chunks, a table that is rehashed, and all that a sampling replaces are kept as values. This copies nothing. From
///   then on the new table's slots, or the new chunks, need no log.
///
/// The logs concern different memory, so they can be applied one after the other, each backwards.
struct LabelJoinJournal: Sendable {
    /// What the logs alone cannot restore.
    struct UndoPoint: Sendable {
        let progress: LabelJoin.Progress
        let chunkCount: Int
        let lastChunk: PredictionChunk.Fill?
        /// Customers in the table.
        let slotCount: Int
    }

    /// Content of a customer's slot before a change.
    struct SlotChange: BitwiseCopyable, Sendable {
        let slot: Int
        let chains: PendingPredictions.Chains
    }

    /// What can change of a prediction, before a change.
    struct CaseChange: BitwiseCopyable, Sendable {
        let number: Int
        let previous: UInt32
        let label: LabeledPrediction.Label
    }

    /// Most entries of both logs together.
    private let entryLimit: Int
    private(set) var point: UndoPoint?
    private(set) var slots: [SlotChange] = []
    private(set) var cases: [CaseChange] = []
    private(set) var endedSnapshots: [LabelJoin.SnapshotScope] = []
    private var removedChunks: [PredictionChunk] = []
    private var table: PendingPredictions?
    private var sampledChunks: [PredictionChunk]?
    /// Whether changes of slots are logged.
    private(set) var logsSlots = false
    /// Predictions with lower numbers are logged when they change; 0 when none is.
    private(set) var loggedBelow = 0

    /// - Parameter byteLimit: for the memory of the logs, which is reused from one undo point to the next. Values that are kept
    ///   do not count; together they are at most as large as the label join.
    init(byteLimit: Int = 32 << 20) {
        // A growing array allocates up to twice what it holds.
        entryLimit = byteLimit / 2 / MemoryLayout<SlotChange>.stride
    }

    /// Forgets the changes before an undo point and logs those after it.
    /// - Parameter end: number of the next prediction.
    mutating func begin(_ point: UndoPoint, end: Int) {
        slots.removeAll(keepingCapacity: true)
        cases.removeAll(keepingCapacity: true)
        forgetKept()
        self.point = point
        logsSlots = true
        loggedBelow = end
    }

    /// Logs nothing any more, and releases all memory.
    mutating func end() {
        slots = []
        cases = []
        forgetKept()
        point = nil
        logsSlots = false
        loggedBelow = 0
    }

    private mutating func forgetKept() {
        endedSnapshots = []
        removedChunks = []
        table = nil
        sampledChunks = nil
    }

    // MARK: Logging. Kept out of the callers' loops, which run without a log just as often.

    @inline(never)
    mutating func log(_ slot: Int, _ chains: PendingPredictions.Chains) {
        slots.append(SlotChange(slot: slot, chains: chains))
        if slots.count + cases.count > entryLimit { end() }
    }

    @inline(never)
    mutating func log(_ number: Int, _ its: PredictionChunk.Case) {
        cases.append(CaseChange(number: number, previous: its.previous, label: its.label))
        if slots.count + cases.count > entryLimit { end() }
    }

    mutating func log(removed chunk: PredictionChunk) { removedChunks.append(chunk) }

    mutating func log(ended scope: LabelJoin.SnapshotScope) {
        if point != nil { endedSnapshots.append(scope) }
    }

    /// Keeps the table that is about to be rehashed.
    mutating func keep(_ customers: PendingPredictions) {
        table = customers
        logsSlots = false
    }

    /// Keeps what a sampling is about to replace. A second one since the undo point replaces nothing that is needed.
    mutating func keep(_ chunks: [PredictionChunk], _ customers: PendingPredictions) {
        guard point != nil, sampledChunks == nil else { return }
        sampledChunks = chunks
        loggedBelow = 0
        if logsSlots { keep(customers) }
    }

    // MARK: Undoing

    /// Puts back the chunks from before a sampling.
    /// - Returns: whether there was one.
    mutating func restoreSampled(_ chunks: inout [PredictionChunk]) -> Bool {
        guard let kept = sampledChunks.take() else { return false }
        chunks = kept
        return true
    }

    /// The removed chunks, oldest first.
    mutating func takeRemovedChunks() -> [PredictionChunk] {
        defer { removedChunks = [] }
        return removedChunks
    }

    /// Puts back the table from before a rehash or a sampling, if there was one.
    mutating func restoreTable(_ customers: inout PendingPredictions) {
        if let kept = table.take() { customers = kept }
    }
}
