import Events

/// The identifiers of a customer's latest events, by which one that is sent again is told. Empty unless the shop names them.
package struct RecentEvents: Sendable {
    /// Most events that are remembered. An event sent again behind so many others of its customer counts once more.
    static let limit = 1024

    /// Hashes of the identifiers, oldest first.
    private(set) var hashes: [UInt64] = []

    /// Whether an event is among them.
    /// - Complexity: O(`limit`).
    package func contains(_ hash: UInt64) -> Bool { hash != 0 && hashes.contains(hash) }

    /// Remembers an event; 0 is none.
    package mutating func add(_ hash: UInt64) {
        if hash == 0 { return }
        if hashes.count == Self.limit { hashes.removeFirst() }
        hashes.append(hash)
    }

    /// Appends the hashes; nothing where there are none.
    func encode(into writer: inout ByteWriter) { for hash in hashes { writer.word64(hash) } }

    /// No events.
    package init() {}

    /// Decodes what is left in a reader.
    /// - Throws: `StateError` for bytes that are no hashes.
    init(decoding reader: inout ByteReader) throws(StateError) {
        while !reader.isAtEnd {
            let hash = try reader.word64()
            guard hash != 0, hashes.count < Self.limit else { throw StateError("impossible identifiers of events") }
            hashes.append(hash)
        }
    }
}

extension CustomerTable {
    /// Whether the event has the identifier of an earlier one of its customer: it was sent again, and counts no second time.
    /// - Complexity: O(1) for an event without an identifier, else O(`RecentEvents.limit`).
    package func isRepetition(_ event: CustomerEvent) -> Bool {
        guard event.eventHash != 0,
            let index = index(of: event.customerID, hash: event.customerHash, at: event.time)
        else { return false }
        return states[index].recentEvents.contains(event.eventHash)
    }
}
