import Events
import Features

/// Every customer's purchase lines, for labels only: the one place that looks into the future.
package struct PurchaseLog: Sendable {
    package struct Purchase: Equatable, Sendable {
        package let time: Int64
        package let invoiceHash: UInt64

        package init(time: Int64, invoiceHash: UInt64) {
            self.time = time
            self.invoiceHash = invoiceHash
        }
    }

    /// How far a label looks ahead, milliseconds.
    package static let horizon = Int64(FeatureExtractor.horizonDays) * EventTime.millisecondsPerDay

    private var purchases: [[Purchase]] = []

    package init() {}

    /// Adds one purchase line of a customer, numbered by the caller from 0.
    package mutating func append(_ purchase: Purchase, customer: Int) {
        while purchases.count <= customer { purchases.append([]) }
        purchases[customer].append(purchase)
    }

    /// Numbers the customers anew.
    /// - Parameter order: all customers by their numbers until now, in the order of the new ones.
    package mutating func renumber(_ order: [Int]) {
        purchases = order.map { $0 < purchases.count ? purchases[$0] : [] }
    }

    /// Puts each customer's purchases in order of time, as `label` needs them.
    package mutating func sort() {
        for customer in purchases.indices {
            purchases[customer].sort { ($0.time, $0.invoiceHash) < ($1.time, $1.invoiceHash) }
        }
    }

    /// Whether the customer has a purchase line of another invoice at a time s with t < s ≤ t + horizon.
    /// - Parameters:
    ///   - time: t, milliseconds.
    ///   - invoiceHash: the point's own invoice; `nil` for a point in no invoice.
    package func label(customer: Int, at time: Int64, invoiceHash: UInt64?) -> Bool {
        guard customer < purchases.count else { return false }
        let own = purchases[customer]
        var low = 0
        var high = own.count
        while low < high {
            let middle = (low + high) / 2
            if own[middle].time > time { high = middle } else { low = middle + 1 }
        }
        while low < own.count, own[low].time <= time + Self.horizon {
            if own[low].invoiceHash != invoiceHash { return true }
            low += 1
        }
        return false
    }
}
