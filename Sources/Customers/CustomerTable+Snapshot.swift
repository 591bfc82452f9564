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
        /// Records put aside because their customers were about to change.
        var aside = ByteWriter()
        var state = ByteWriter()
    }

    /// What a snapshot holds.
    public enum SnapshotScope: Sendable {
        case everything
        /// What has changed since the snapshot before, customers who are gone included.
        case changes
    }

    /// Begins a snapshot of the table as it stands; one that is under way is given up.
    /// - Complexity: O(customers / 64).
    public mutating func beginSnapshot(_ scope: SnapshotScope) {
        precondition(scope == .everything || tracksChanges)
        var new = Snapshot(awaited: scope == .everything ? Bitmap(upTo: count) : changed)
        if scope == .changes {
            for customerID in removed {
                // One who has come back since is written as they are now.
                customerID.withUnsafeBytes { bytes in
                    guard find(bytes, hash: contentHash(bytes)) == nil else { return }
                    new.aside.counted(bytes)
                    new.aside.varint(0)
                }
            }
        }
        removed = []
        changed = Bitmap()
        snapshot = new
    }

    /// Appends further records of the snapshot, until there are so many bytes of them.
    /// - Returns: whether there is more to come; when there is not, the snapshot is over.
    public mutating func writeSnapshot(into writer: inout ByteWriter, bytes limit: Int) -> Bool {
        guard snapshot != nil else { return false }
        // What was put aside comes out whole: it is bounded by what one batch can change.
        snapshot!.aside.bytes.withUnsafeBytes { writer.append($0) }
        snapshot!.aside.removeAll()
        while let index = snapshot!.awaited.next(from: snapshot!.cursor) {
            guard writer.count < limit else { return true }
            snapshot!.awaited.remove(index)
            snapshot!.cursor = index + 1
            write(index, into: &writer)
        }
        snapshot = nil
        return false
    }

    /// Ends a snapshot that will not be finished.
    public mutating func giveUpSnapshot() { snapshot = nil }

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
