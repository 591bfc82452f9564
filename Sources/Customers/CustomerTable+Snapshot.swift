import Events

/// The table as it stood at one moment, written little by little while events go on changing it.
///
/// A customer's state is encoded before its first change since that moment (copy on update; Salles et al., "An Evaluation
/// of Checkpoint Recovery for Massively Multiplayer Online Games", VLDB 2009), so that nothing waits for longer than one
/// slice takes.
///
/// A snapshot is a sequence of records: identifier (counted), state (counted; empty for a customer who was removed).
extension CustomerTable {
    /// Customers that a snapshot of changes must hold.
    struct Changes: Sendable {
        /// New and updated customers, by their index.
        var customers = Bitmap()
        /// Identifiers of removed customers, none of whom is in the table again.
        var removed: Set<[UInt8]> = []

        mutating func formUnion(_ other: Changes) {
            customers.formUnion(other.customers)
            removed.formUnion(other.removed)
        }
    }

    struct Snapshot: Sendable {
        /// Customers still to be written.
        var awaited: Bitmap
        var cursor = 0
        /// Identifiers of removed customers still to be written.
        var gone: [[UInt8]] = []
        /// Records of customers that have changed since; those before `asideStart` are written.
        var aside = ByteWriter()
        var asideStart = 0
        var state = ByteWriter()
        /// What counts as changed again if the snapshot is discarded.
        var changes: Changes
    }

    /// Most bytes of `Snapshot.aside`. A snapshot that is written so slowly that it needs more is discarded.
    static let asideLimit = 64 << 20

    /// What a snapshot holds.
    package enum SnapshotScope: Sendable {
        /// All customers.
        case everything
        /// Customers changed or removed since the snapshot before.
        case changes
    }

    /// Begins a snapshot of the table as it stands. One that is under way is discarded; one that is finished is taken to be
    /// durable.
    /// - Complexity: O(customers / 64 + customers removed).
    package mutating func beginSnapshot(_ scope: SnapshotScope) {
        precondition(scope == .everything || tracksChanges)
        if snapshot != nil { discardSnapshot() }
        snapshot = Snapshot(
            awaited: scope == .everything ? Bitmap(upTo: count) : changes.customers,
            gone: scope == .changes ? Array(changes.removed) : [], changes: changes)
        changes = Changes()
        finishedChanges = nil
    }

    /// Appends further records of the snapshot until the writer holds `limit` bytes.
    /// - Returns: whether there is more to come; if not, the snapshot is finished.
    /// - Throws: `StateError` when the snapshot was written too slowly and has been discarded.
    package mutating func writeSnapshot(into writer: inout ByteWriter, bytes limit: Int) throws(StateError) -> Bool {
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
        finishedChanges = snapshot!.changes
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

    /// Ends a snapshot that will not become durable, whether it is under way or finished. What it covers counts as changed
    /// again.
    /// - Complexity: O(customers / 64 + customers removed).
    package mutating func discardSnapshot() {
        for discarded in [snapshot?.changes, finishedChanges] {
            if let discarded { changes.formUnion(discarded) }
        }
        snapshot = nil
        finishedChanges = nil
    }

    /// Encodes a customer who is about to change, if the snapshot under way still has to write them.
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
        if aside.count > Self.asideLimit { discardSnapshot() }
    }

    private mutating func write(_ index: Int, into writer: inout ByteWriter) {
        identifier(at: index).withUnsafeBytes { writer.counted($0) }
        snapshot!.state.removeAll()
        states[index].encode(into: &snapshot!.state)
        snapshot!.state.bytes.withUnsafeBytes { writer.counted($0) }
    }

    /// Reads one record of a snapshot and replaces that customer's state by it. A customer recorded as removed is left as
    /// they are.
    /// - Returns: the customer's identifier, and whether the record has a state.
    /// - Throws: `StateError` for bytes that are no record.
    @discardableResult
    package mutating func restore(
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
            prepareToChange(index)
            states[index] = state
            entries[index].clock = state.clock
        } else {
            _ = insert(customerID, hash: hash, state)
        }
        return (customerID, true)
    }

    /// Sets how far the partition had come in event time when the snapshot was begun.
    package mutating func restore(clock: PartitionClock) { self.clock = clock }
}
