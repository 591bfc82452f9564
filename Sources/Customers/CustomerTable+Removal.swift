import Events

/// Removing customers who have been idle too long.
extension CustomerTable {
    /// Removes a customer; the last one moves to their index.
    mutating func remove(_ index: Int) {
        keepIdentifier(of: index)
        keepForSnapshot(index)
        let last = states.count - 1
        if index != last { keepForSnapshot(last) }
        if undoEpoch != 0 { logRemoval(of: index) }
        if tracksChanges {
            changes.removed.insert(Array(identifier(at: index)))
            changes.customers.move(last, to: index)
            snapshot?.changes.customers.move(last, to: index)
            finishedChanges?.customers.move(last, to: index)
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
        compactIdentifiers()
    }

    /// Notes that a customer is in the table again: the next snapshot must not record them as removed.
    mutating func noteReturn(of customerID: UnsafeRawBufferPointer) {
        if changes.removed.isEmpty, snapshot?.changes.removed.isEmpty ?? true,
            finishedChanges?.removed.isEmpty ?? true
        {
            return
        }
        let customerID = Array(customerID)
        changes.removed.remove(customerID)
        snapshot?.changes.removed.remove(customerID)
        finishedChanges?.removed.remove(customerID)
    }

    /// The slot that holds an index.
    func slot(of index: Int) -> Int {
        let mask = slots.count - 1
        var slot = slotKey.home(of: entries[index].hash, in: slots.count)
        while Int(slots[slot]) != index + 1 { slot = (slot + 1) & mask }
        return slot
    }

    /// Frees a slot and moves up those behind it that would not be found any more (Knuth, TAOCP 6.4, algorithm R).
    mutating func vacate(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = slotKey.home(of: entries[Int(slots[next]) - 1].hash, in: slots.count)
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    /// Closes the gaps in `identifiers` once they are more than half of it.
    /// - Complexity: O(1) amortised over the removals.
    mutating func compactIdentifiers() {
        guard unusedIdentifierBytes > 4096, unusedIdentifierBytes * 2 > identifiers.count else { return }
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
