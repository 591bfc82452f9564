import Events

/// The customers of one partition, by identifier: open addressing over the identifier's hash, states side by side.
public struct CustomerTable {
    private struct Identity {
        let hash: UInt64
        /// Where the identifier's bytes lie in `identifiers`.
        let start: Int
        let count: Int
    }

    /// States in the order in which customers were first seen.
    public private(set) var states: [CustomerState] = []
    private var identities: [Identity] = []
    private var identifiers: [UInt8] = []
    /// Index into `states` plus one; 0 is free. A power of two long.
    private var slots = [Int32](repeating: 0, count: 16)

    public init() {}

    public var count: Int { states.count }

    /// Takes in an event of a known customer or of a new one.
    /// - Precondition: the event is not anonymous.
    /// - Returns: the customer's index in `states`.
    /// - Complexity: O(1) amortised.
    public mutating func update(_ event: CustomerEvent) -> Int {
        precondition(!event.isAnonymous, "anonymous events have no state")
        let index = find(event.customerID, hash: event.customerHash) ?? insert(event)
        states[index].update(event)
        return index
    }

    /// The state of a customer; `nil` when there was no event of them.
    public func state(of customerID: String) -> CustomerState? {
        var customerID = customerID
        return customerID.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return find(bytes, hash: contentHash(bytes)).map { states[$0] }
        }
    }

    /// A customer's identifier.
    public func customerID(at index: Int) -> String {
        let identity = identities[index]
        return String(decoding: identifiers[identity.start..<(identity.start + identity.count)], as: UTF8.self)
    }

    private func find(_ customerID: UnsafeRawBufferPointer, hash: UInt64) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            let identity = identities[index]
            if identity.hash == hash, identity.count == customerID.count,
                customerID.elementsEqual(identifiers[identity.start..<(identity.start + identity.count)])
            {
                return index
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func insert(_ event: CustomerEvent) -> Int {
        if states.count * 2 >= slots.count { grow() }
        let index = states.count
        states.append(CustomerState(firstEvent: event))
        let id = event.customerID
        identities.append(Identity(hash: event.customerHash, start: identifiers.count, count: id.count))
        identifiers.append(contentsOf: id)
        occupy(index, hash: event.customerHash)
        return index
    }

    private mutating func grow() {
        slots = [Int32](repeating: 0, count: slots.count * 2)
        for (index, identity) in identities.enumerated() { occupy(index, hash: identity.hash) }
    }

    private mutating func occupy(_ index: Int, hash: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(index + 1)
    }
}
