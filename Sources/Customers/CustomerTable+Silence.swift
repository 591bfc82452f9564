import Events

/// Customers of whom nothing has come for a while.
extension CustomerTable {
    /// Whether a customer's latest event is not after an instant, and they have not been idle too long by now.
    /// - Parameters:
    ///   - index: in `states`.
    ///   - instant: milliseconds of event time.
    /// - Complexity: O(1), without reading the state.
    package func isSilent(_ index: Int, since instant: Int64) -> Bool {
        let last = entries[index].clock
        return last <= instant && !isGone(last, at: clock.time)
    }

    /// The customers of `indices` in an order that depends on their identifiers alone.
    /// - Complexity: O(n log n).
    package func sortedByIdentifier(_ indices: ArraySlice<Int32>) -> [Int32] {
        indices.sorted { a, b in
            let (first, second) = (entries[Int(a)].hash, entries[Int(b)].hash)
            return first == second
                ? identifier(at: Int(a)).lexicographicallyPrecedes(identifier(at: Int(b))) : first < second
        }
    }

    /// Lends the identifier of the customer at an index in `states`.
    package func withIdentifier<Result>(
        at index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try identifier(at: index).withUnsafeBytes(body)
    }
}
