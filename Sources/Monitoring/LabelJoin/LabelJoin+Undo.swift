/// Undoing an aborted transaction in place.
extension LabelJoin {
    /// Makes the present state the one that `undo` returns to. Changes are logged from the first call on.
    /// - Complexity: O(1), besides releasing what the journal kept.
    package mutating func setUndoPoint() {
        journal.begin(
            LabelJoinJournal.UndoPoint(
                progress: progress, chunkCount: chunks.count, lastChunk: chunks.last?.fill, slotCount: customers.count),
            end: end)
    }

    /// Takes back every change since `setUndoPoint`, and leaves the undo point in force.
    ///
    /// An open snapshot is discarded. Snapshots that ended since the undo point are taken for lost, so the next one covers
    /// again what they covered. A version that was set since must be set again.
    /// - Returns: `false` when there is no undo point, or when there were too many changes. The state must then be restored
    ///   from a checkpoint.
    /// - Complexity: O(changes).
    package mutating func undo() -> Bool {
        guard let point = journal.point else { return false }
        // While the journal is detached, nothing is logged.
        var changes = LabelJoinJournal()
        swap(&changes, &journal)

        // A sampling replaced all chunks, with new numbers.
        let wasSampled = changes.restoreSampled(&chunks)
        let removed = changes.takeRemovedChunks()
        chunks.insert(contentsOf: removed, at: 0)
        for chunk in wasSampled ? chunks.indices : removed.indices { chunks[chunk].isChanged = true }
        progress = point.progress
        for change in changes.cases.reversed() {
            let (chunk, place) = place(of: change.number)
            chunks[chunk].restore(place, previous: change.previous, label: change.label)
        }
        chunks.removeLast(chunks.count - point.chunkCount)
        if let fill = point.lastChunk { chunks[point.chunkCount - 1].truncate(to: fill) }

        changes.restoreTable(&customers)
        customers.restore(changes.slots, count: point.slotCount)

        for scope in changes.endedSnapshots { markChanged(scope) }
        for scope in [snapshot?.scope, completed] { if let scope { markChanged(scope) } }
        (snapshot, completed) = (nil, nil)

        swap(&changes, &journal)
        setUndoPoint()
        return true
    }
}
