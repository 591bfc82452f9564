extension CustomerState {
    /// The first part in which this state differs from another, whatever the layout of their tables; `nil` if none does.
    /// - Complexity: O(size of the states).
    package func difference(from other: CustomerState) -> String? {
        func live(_ state: CustomerState) -> [UInt64: Int64] {
            let known = state.latest.slots.filter { $0.key != 0 && $0.time > state.clock - Windows.longestMilliseconds }
            return Dictionary(uniqueKeysWithValues: known.map { ($0.key, $0.time) })
        }
        if clock != other.clock { return "clock" }
        if lifetime != other.lifetime { return "lifetime" }
        if basket != other.basket { return "basket" }
        if purchaseDays != other.purchaseDays { return "purchase days" }
        if buckets[expired...] != other.buckets[other.expired...] { return "buckets" }
        for window in 0..<Windows.count {
            if totals[window] != other.totals[window] { return "totals of window \(window)" }
            if starts[window] - expired != other.starts[window] - other.expired { return "start of window \(window)" }
        }
        return live(self) == live(other) ? nil : "keys"
    }
}
