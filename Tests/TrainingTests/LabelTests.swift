import Customers
import Ensemble
import Events
import Features
import Foundation
import Monitoring
import TestSupport
import Testing

@testable import Training

@Suite struct LabelTests {
    let day: Int64 = 86_400_000

    func log(_ purchases: [(Int64, UInt64)]) -> PurchaseLog {
        var log = PurchaseLog(horizon: .standard)
        for (time, invoice) in purchases { log.append(.init(time: time, invoiceHash: invoice), customer: 0) }
        log.sort()
        return log
    }

    @Test func looksStrictlyPastThePointAndItsOwnInvoice() {
        let t = 100 * day
        let cases: [(purchases: [(Int64, UInt64)], label: Bool)] = [
            ([], false),
            ([(t - 1, 2)], false),  // before
            ([(t, 2)], false),  // at t
            ([(t + 1, 1)], false),  // own invoice
            ([(t + 1, 2)], true), ([(t + 30 * day, 2)], true),
            ([(t + 30 * day + 1, 2)], false),
            ([(t + 1, 1), (t + 2, 1), (t + 3, 2)], true),
        ]
        for (purchases, label) in cases {
            #expect(log(purchases).label(customer: 0, at: t, invoiceHash: 1) == label, "\(purchases)")
        }
        #expect(log([(t + 1, 1)]).label(customer: 0, at: t, invoiceHash: nil))
        #expect(!log([(t + 1, 2)]).label(customer: 5, at: t, invoiceHash: 1))
    }

    /// A shop in which the next 30 days' label is known by construction.
    @Test func everyPointsLabelIsWhatTheEventsAfterItSay() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/h.csv"
        let writer = try HistoryWriter(path: path, format: .csv)
        let shop = ShopGenerator(customers: 60, days: 260, seed: 11)
        while let fields = shop.nextFields() { try writer.write(fields) }
        try writer.close()
        var events: [(customer: UInt64, time: Int64, invoice: UInt64, isPurchase: Bool)] = []
        let reader = try HistoryReader(path: path)
        while let event = try reader.next() {
            if event.isAnonymous { continue }
            events.append((event.customerHash, event.time, event.invoiceHash, event.isPurchase))
        }
        let prepared = try TrainingRun(settings: TrainingSettings()).prepare(history: path) { _, _ in }
        // A customer's examples come in the order of their events.
        var own: [Int: [(time: Int64, invoice: UInt64)]] = [:]
        for event in events {
            let customer = try #require(prepared.survey.customers[event.customer])
            own[customer, default: []].append((event.time, event.invoice))
        }
        var (checked, positives) = (0, 0)
        for example in prepared.dataset {
            guard case .event = example.kind else { continue }
            let event = own[Int(example.customer)]!.removeFirst()
            #expect(event.time == example.time)
            let label = events.contains {
                prepared.survey.customers[$0.customer] == Int(example.customer) && $0.isPurchase
                    && $0.invoice != event.invoice && $0.time > example.time && $0.time <= example.time + 30 * day
            }
            #expect(example.label == label, "example at \(EventTime.text(example.time))")
            #expect(example.time + 30 * day <= prepared.survey.lastTime)
            checked += 1
            if label { positives += 1 }
        }
        #expect(checked > 1000 && positives > 100)
    }
}
