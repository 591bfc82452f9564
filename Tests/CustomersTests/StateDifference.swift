@testable import Customers

// WorkerTests has this file too, as a link.
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
