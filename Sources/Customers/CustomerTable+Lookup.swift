import Events

extension CustomerTable {
    /// Gives access to a customer's state in place: `states[index]` without copying it.
    @inlinable
    public func withState<Result>(at index: Int, _ body: (UnsafePointer<CustomerState>) throws -> Result) rethrows
        -> Result
    {
        try states.withUnsafeBufferPointer { states in
            precondition(index < states.count)
            return try body(states.baseAddress.unsafelyUnwrapped + index)
        }
    }

    /// The index in `states` of a customer who is in the table and has not been idle too long.
    /// - Parameters:
    ///   - hash: the identifier's `contentHash`.
    ///   - time: the event time of the query, milliseconds.
    /// - Complexity: O(1).
    public func index(of customerID: UnsafeRawBufferPointer, hash: UInt64, at time: Int64) -> Int? {
        guard let index = find(customerID, hash: hash), !isGone(entries[index].clock, at: time) else { return nil }
        return index
    }

    /// A copy of a customer's state; `nil` for a customer who is not in the table.
    /// - Complexity: O(1).
    package func state(of customerID: String) -> CustomerState? {
        var customerID = customerID
        return customerID.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return find(bytes, hash: contentHash(bytes)).map { states[$0] }
        }
    }

    /// The identifier of the customer at an index in `states`.
    package func customerID(at index: Int) -> String { String(decoding: identifier(at: index), as: UTF8.self) }

    /// The identifier of the customer with this content hash, who is in the table or was removed in this batch; any of them if
    /// there are several.
    /// - Complexity: O(1).
    package func customerID(ofHash hash: UInt64) -> [UInt8]? {
        let mask = slots.count - 1
        var slot = slotKey.home(of: hash, in: slots.count)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if entries[index].hash == hash { return Array(identifier(at: index)) }
            slot = (slot + 1) & mask
        }
        return removedIdentifiers?[hash]
    }

    /// The content hash of the identifier of the customer at an index in `states`.
    package func customerHash(at index: Int) -> UInt64 { entries[index].hash }

    func identifier(at index: Int) -> ArraySlice<UInt8> {
        identifiers[entries[index].start..<(entries[index].start + Int(entries[index].count))]
    }

    /// The bytes that the table occupies, estimated from a sample of the states, and the `ceiling` that it will grow to if
    /// new customers keep coming at the same rate for the whole time to live.
    /// - Complexity: O(1).
    package var estimatedMemory: (bytes: Int, ceiling: Int) {
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

    func find(_ customerID: UnsafeRawBufferPointer, hash: UInt64) -> Int? {
        let mask = slots.count - 1
        var slot = slotKey.home(of: hash, in: slots.count)
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
}
