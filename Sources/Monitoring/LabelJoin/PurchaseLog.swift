import Events
import Features

/// Every customer's purchase lines of a whole history, from which training labels are read. Features must never use it, since
/// it knows the future.
package struct PurchaseLog: Sendable {
    /// One purchase line.
    package struct Purchase: Equatable, Sendable {
        /// Event time, milliseconds.
        package let time: Int64
        /// Hash of the invoice number.
        package let invoiceHash: UInt64

        /// - Parameter time: event time, milliseconds.
        package init(time: Int64, invoiceHash: UInt64) {
            self.time = time
            self.invoiceHash = invoiceHash
        }
    }

    /// How far a label looks ahead, milliseconds.
    private let horizon: Int64

    /// By customer.
    private var purchases: [[Purchase]] = []

    /// A log without purchases.
    package init(horizon: Horizon) { self.horizon = horizon.milliseconds }

    /// Adds one purchase line of a customer. The caller numbers the customers from 0.
    package mutating func append(_ purchase: Purchase, customer: Int) {
        while purchases.count <= customer { purchases.append([]) }
        purchases[customer].append(purchase)
    }

    /// Renumbers the customers.
    /// - Parameter order: the present numbers of all customers, in the order of the new ones.
    package mutating func renumber(_ order: [Int]) {
        purchases = order.map { $0 < purchases.count ? purchases[$0] : [] }
    }

    /// Sorts each customer's purchases by time, which `label` relies on.
    package mutating func sort() {
        for customer in purchases.indices {
            purchases[customer].sort { ($0.time, $0.invoiceHash) < ($1.time, $1.invoiceHash) }
        }
    }

    /// Whether the customer has a purchase line of another invoice at a time s with t < s ≤ t + horizon.
    /// - Parameters:
    ///   - time: t, milliseconds.
    ///   - invoiceHash: the example's own invoice, whose lines do not count; `nil` if it belongs to none.
    /// - Complexity: O(log n) in the customer's purchases, and O(lines of the own invoice).
    package func label(customer: Int, at time: Int64, invoiceHash: UInt64?) -> Bool {
        guard customer < purchases.count else { return false }
        let own = purchases[customer]
        var low = 0
        var high = own.count
        while low < high {
            let middle = (low + high) / 2
            if own[middle].time > time { high = middle } else { low = middle + 1 }
        }
        while low < own.count, own[low].time <= time + horizon {
            if own[low].invoiceHash != invoiceHash { return true }
            low += 1
        }
        return false
    }
}
