import Events

/// The table as it stood at one moment, written little by little while events go on changing it.
///
/// Before a customer changes for the first time since then, their state is put aside as it was (copy on update; Salles
/// et al., "An Evaluation of Checkpoint Recovery for Massively Multiplayer Online Games", VLDB 2009), so that nothing
/// stands still for longer than one slice takes.
///
/// A snapshot is a sequence of records: identifier (counted), state (counted; empty for a customer who is gone).
extension CustomerTable {
    struct Snapshot: Sendable {
        /// Customers still to be written.
        var awaited: Bitmap
        var cursor = 0
        /// Identifiers of customers who were gone, still to be written.
        var gone: [[UInt8]] = []
        /// Records put aside because their customers were about to change; those before `asideStart` are written.
        var aside = ByteWriter()
        var asideStart = 0
        var state = ByteWriter()
        /// What is to count as changed again if the snapshot is given up.
        var changed: Bitmap
        var removed: Set<[UInt8]>
    }

    /// Most bytes that wait aside: a snapshot that is written too slowly for this is given up.
    static let asideLimit = 64 << 20

    /// What a snapshot holds.
    public enum SnapshotScope: Sendable {
        case everything
        /// What has changed since the snapshot before, customers who are gone included.
        case changes
    }

    /// Begins a snapshot of the table as it stands; one that is under way is given up.
    /// - Complexity: O(customers / 64), and the number of customers gone.
    public mutating func beginSnapshot(_ scope: SnapshotScope) {
        precondition(scope == .everything || tracksChanges)
        giveUpSnapshot()
        snapshot = Snapshot(
            awaited: scope == .everything ? Bitmap(upTo: count) : changed,
            gone: scope == .changes ? Array(removed) : [], changed: changed, removed: removed)
        removed = []
        changed = Bitmap()
    }

    /// Appends further records of the snapshot, until there are so many bytes of them.
    /// - Returns: whether there is more to come; when there is not, the snapshot is over.
    /// - Throws: `StateError` when the snapshot was written too slowly and has been given up.
    public mutating func writeSnapshot(into writer: inout ByteWriter, bytes limit: Int) throws(StateError) -> Bool {
        guard snapshot != nil else { throw StateError("written too slowly for what changes meanwhile") }
        while writer.count < limit, let customerID = snapshot!.gone.popLast() {
            customerID.withUnsafeBytes { writer.counted($0) }
            writer.varint(0)
        }
        try writeAside(into: &writer, bytes: limit)
        while let index = snapshot!.awaited.next(from: snapshot!.cursor) {
            guard writer.count < limit else { return true }
            snapshot!.awaited.remove(index)
            snapshot!.cursor = index + 1
            write(index, into: &writer)
        }
        guard snapshot!.gone.isEmpty, snapshot!.aside.count == 0 else { return true }
        snapshot = nil
        return false
    }

    private mutating func writeAside(into writer: inout ByteWriter, bytes limit: Int) throws(StateError) {
        let start = snapshot!.asideStart
        let end = try snapshot!.aside.bytes.withReader { reader throws(StateError) in
            _ = try reader.take(start)
            while !reader.isAtEnd, writer.count + reader.position - start < limit {
                _ = try reader.counted()
                _ = try reader.counted()
            }
            return reader.position
        }
        snapshot!.aside.bytes[start..<end].withUnsafeBytes { writer.append($0) }
        snapshot!.asideStart = end
        if end == snapshot!.aside.count {
            snapshot!.aside.removeAll()
            snapshot!.asideStart = 0
        }
    }

    /// Ends a snapshot that will not be finished; what it was to hold counts as changed again.
    public mutating func giveUpSnapshot() {
        guard let snapshot else { return }
        changed.formUnion(snapshot.changed)
        removed.formUnion(snapshot.removed)
        self.snapshot = nil
    }

    /// Puts a customer aside, if the snapshot under way still needs the state that is about to change.
    @inline(__always)
    mutating func keepForSnapshot(_ index: Int) {
        if snapshot != nil, snapshot!.awaited.contains(index) { putAside(index) }
    }

    private mutating func putAside(_ index: Int) {
        var aside = snapshot!.aside
        snapshot!.aside = ByteWriter()
        snapshot!.awaited.remove(index)
        write(index, into: &aside)
        snapshot!.aside = aside
        if aside.count > Self.asideLimit { giveUpSnapshot() }
    }

    private mutating func write(_ index: Int, into writer: inout ByteWriter) {
        identifier(at: index).withUnsafeBytes { writer.counted($0) }
        snapshot!.state.removeAll()
        states[index].encode(into: &snapshot!.state)
        snapshot!.state.bytes.withUnsafeBytes { writer.counted($0) }
    }

    /// Takes in one record of a snapshot, in place of what is known of that customer.
    /// - Returns: the customer's identifier, and whether there is a state.
    @discardableResult
    public mutating func restore(
        from reader: inout ByteReader
    ) throws(StateError) -> (customerID: UnsafeRawBufferPointer, isPresent: Bool) {
        let customerID = try reader.counted()
        guard (1...CustomerEvent.identifierLimit).contains(customerID.count) else {
            throw StateError("an identifier of \(customerID.count) bytes")
        }
        let content = try reader.counted()
        guard !content.isEmpty else { return (customerID, false) }
        var inner = ByteReader(content)
        let state = try CustomerState(decoding: &inner)
        guard inner.isAtEnd else { throw StateError("a state with \(inner.remaining) bytes too many") }
        let hash = contentHash(customerID)
        if let index = find(customerID, hash: hash) {
            states[index] = state
            entries[index].clock = state.clock
        } else {
            _ = insert(customerID, hash: hash, state)
        }
        return (customerID, true)
    }

    /// Says how far the partition had come when a snapshot was begun.
    public mutating func restore(clock: PartitionClock) { self.clock = clock }
}
