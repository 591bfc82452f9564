/// Finds customers with a large share of all events: rather a placeholder than a person. Owned by one thread.
///
/// After J. Misra and D. Gries, "Finding repeated elements" (1982): with 127 counters, every customer with more than a 128th
/// of the events has one, and its count is too low by at most a 128th of them.
package struct FrequentCustomers: Sendable {
    private static let counters = 127
    /// Share of the events from which on a customer is worth a warning.
    private static let share = 0.1
    /// Fewer events say nothing.
    private static let fewest = 1000

    private var hashes: [UInt64] = []
    private var counts: [Int] = []
    private var events = 0

    /// No events yet.
    package init() {}

    /// Notes an event of a customer.
    package mutating func note(_ hash: UInt64) {
        events += 1
        if let place = hashes.firstIndex(of: hash) {
            counts[place] += 1
        } else if hashes.count < Self.counters {
            hashes.append(hash)
            counts.append(1)
        } else {
            for place in counts.indices { counts[place] -= 1 }
            while let gone = counts.firstIndex(of: 0) {
                counts.remove(at: gone)
                hashes.remove(at: gone)
            }
        }
    }

    /// The customer with the most events if these are too many, with a lower bound of their share; counting begins anew.
    /// - Parameter customers: how many there are.
    package mutating func takeSuspicious(customers: Int) -> (hash: UInt64, share: Double)? {
        // Of a few customers each has a large share.
        guard events >= Self.fewest, customers >= 100, let most = counts.max(), let place = counts.firstIndex(of: most)
        else { return nil }
        let found = (hash: hashes[place], share: Double(most) / Double(events))
        self = FrequentCustomers()
        return found.share >= Self.share ? found : nil
    }
}
