@testable import Customers

// WorkerTests has this file too, as a link.
extension CustomerState {
    /// The first part in which this state differs from another, whatever the layout of their tables; `nil` if none does.
    func difference(from other: CustomerState) -> String? {
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

extension CustomerTable {
    /// The first difference from another table: the clock, a customer, or a part of a customer's state.
    func difference(from other: CustomerTable) -> String? {
        if clock != other.clock { return "clock of the partition" }
        if count != other.count { return "\(count) customers for \(other.count)" }
        for index in other.states.indices {
            let customer = other.customerID(at: index)
            guard let state = state(of: customer) else { return "customer \(customer) is missing" }
            if let part = state.difference(from: other.states[index]) { return "customer \(customer): \(part)" }
        }
        return nil
    }
}
