import Events

/// Undoing what an aborted transaction has changed, in place of restoring the whole table from a checkpoint.
///
/// From the first undo point on, each change is logged with its inverse; `undo` applies the inverses backwards. That takes
/// the table back to exactly the state, order and clock of the undo point. A state is logged at its customer's first
/// update after the undo point only, and its arrays are then copied once when that update changes them.
extension CustomerTable {
    /// Makes the present state the one that `undo` returns to, and forgets the log of earlier changes.
    ///
    /// A table on which this was never called logs nothing.
    /// - Complexity: O(changes since the undo point before), to free their log.
    package mutating func setUndoPoint() {
        undoLog.removeAll()
        undoLog.clock = clock
        undoLog.sweep = sweep
        beginUndoEpoch()
    }

    /// Takes back every change since the undo point, which stays in force.
    ///
    /// A snapshot under way is discarded. All customers that are taken back, and all that a snapshot since the undo point
    /// may have held, count as changed, so that the next snapshot of changes replaces whatever was recorded of them.
    /// - Returns: false if there is no undo point, or if the log has passed its limit of 64 MiB and was dropped. Then
    ///   the table must be replaced by a restored one.
    /// - Complexity: O(changes since the undo point), and O(customers / 64) if there was a snapshot.
    package mutating func undo() -> Bool {
        guard undoEpoch != 0 else { return false }
        discardSnapshot()
        while let operation = undoLog.popOperation() {
            switch operation {
            case .update(let index): undoUpdate(of: index)
            case .insertion: undoInsertion()
            case .removal(let index, let hash, let identifier): undoRemoval(of: index, hash: hash, identifier)
            }
        }
        compactIdentifiers()
        clock = undoLog.clock
        sweep = undoLog.sweep
        undoLog.removeAll()
        beginUndoEpoch()
        return true
    }

    /// Starts an epoch in which no customer has been logged yet.
    private mutating func beginUndoEpoch() {
        if undoLog.latestEpoch == .max {
            for index in entries.indices { entries[index].undoEpoch = 0 }
            undoLog.latestEpoch = 0
        }
        undoLog.latestEpoch += 1
        undoEpoch = undoLog.latestEpoch
    }

    // MARK: Logging

    /// Logs a customer's state before its first update of this epoch.
    @inline(never)
    mutating func logUpdate(of index: Int) {
        entries[index].undoEpoch = undoEpoch
        guard undoEpoch != 0 else { return }
        undoLog.append(.update(index: index), states[index])
        dropLogBeyondLimit()
    }

    mutating func logInsertion() {
        undoLog.append(.insertion)
        dropLogBeyondLimit()
    }

    /// Logs a customer who is about to be removed.
    mutating func logRemoval(of index: Int) {
        undoLog.append(
            .removal(index: index, hash: entries[index].hash, identifier: Array(identifier(at: index))), states[index])
        dropLogBeyondLimit()
    }

    private mutating func dropLogBeyondLimit() {
        guard undoLog.bytes > UndoLog.byteLimit else { return }
        undoLog.removeAll()
        undoEpoch = 0
    }

    // MARK: Inverses

    private mutating func undoUpdate(of index: Int) {
        states[index] = undoLog.popState()
        entries[index].clock = states[index].clock
        if tracksChanges { changes.customers.insert(index) }
    }

    private mutating func undoInsertion() {
        let index = states.count - 1
        if tracksChanges {
            changes.removed.insert(Array(identifier(at: index)))
            changes.customers.remove(index)
        }
        vacate(slot(of: index))
        unusedIdentifierBytes += Int(entries[index].count)
        states.removeLast()
        entries.removeLast()
    }

    /// Puts a removed customer back at their index, and the one who is there back at the end.
    private mutating func undoRemoval(of index: Int, hash: UInt64, _ identifier: [UInt8]) {
        let state = undoLog.popState()
        let last = states.count
        let entry = Entry(
            hash: hash, clock: state.clock, start: identifiers.count, count: Int32(identifier.count), undoEpoch: 0)
        identifiers.append(contentsOf: identifier)
        if index == last {
            states.append(state)
            entries.append(entry)
        } else {
            slots[slot(of: index)] = Int32(last + 1)
            states.append(states[index])
            entries.append(entries[index])
            states[index] = state
            entries[index] = entry
        }
        occupy(index, hash: hash)
        guard tracksChanges else { return }
        if index != last { changes.customers.move(index, to: last) }
        changes.customers.insert(index)
        identifier.withUnsafeBytes { noteReturn(of: $0) }
    }
}
