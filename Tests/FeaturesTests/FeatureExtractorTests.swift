import Customers
import Events
import Features
import Foundation
import TestSupport
import Testing

/// Every feature beside its definition, worked out from all events.
@Suite struct FeatureExtractorTests {
    let decoder = EventDecoder()
    let extractor = FeatureExtractor(
        encoding: CategoryEncoding(countries: ["United Kingdom", "France"]), horizon: .standard)
    static let day = 86_400_000.0

    func expected(_ feature: Feature, _ slow: SlowCustomer) -> Double {
        let events = slow.events
        let bought = events.filter(\.isPurchase)
        let returned = events.filter(\.isCancellation)
        let invoices = Double(slow.countNew(\.invoice))
        let purchaseDays = Double(slow.countNew { $0.time / 86_400_000 })
        let money = { (value: Int64) in Double(value) / 10_000 }
        let spend = money(bought.reduce(0) { $0 + $1.amount })
        let units = Double(bought.reduce(0) { $0 + $1.quantity })
        let refund = money(returned.reduce(0) { $0 + abs($1.amount) })
        let ratio = { (a: Double, b: Double) in b == 0 ? Double.nan : a / b }
        let since = { (time: Int64?) in time.map { Double(slow.clock - $0) / Self.day } ?? .nan }
        let deviation = { (values: [Double]) -> Double in
            if values.isEmpty { return .nan }
            let mean = values.reduce(0, +) / Double(values.count)
            return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
        }
        let mean = { (values: [Double]) in ratio(values.reduce(0, +), Double(values.count)) }
        let w = { (days: Int) in slow.window(days: days) }
        let weekdays = events.map { Double(EventTime.weekday(ofDay: EventTime.day(of: $0.time))) }
        let months = events.map { Double(EventTime.date(ofDay: Int($0.time / 86_400_000)).month) }
        let days = slow.purchaseDays.map(Double.init)
        let today = Double(slow.clock / 86_400_000)
        let gaps = zip(days, days.dropFirst()).map { $1 - $0 }
        let gapMean = mean(gaps)
        let median = gaps.isEmpty ? .nan : (gaps.sorted()[(gaps.count - 1) / 2] + gaps.sorted()[gaps.count / 2]) / 2
        let recency = since(bought.map(\.time).max())
        let age = since(bought.map(\.time).min())
        let decayed = { (halfLife: Double) in days.reduce(0) { $0 + pow(0.5, (today - $1) / halfLife) } }
        let decayedRate = { (halfLife: Double) in
            let seen = min(max(age.isNaN ? 0 : age, 0), 365)
            return (decayed(halfLife) + 0.5) / (halfLife / log(2) * (1 - pow(0.5, seen / halfLife)) + 60)
        }
        let hasBought = purchaseDays > 0 && !age.isNaN
        // Events since the invoice number last changed.
        let basket = Array(events.reversed().prefix { $0.invoice == events.last!.invoice })
        let basketBought = basket.filter(\.isPurchase)
        let basketValue = money(basketBought.reduce(0) { $0 + $1.amount })
        var largest: Int64 = 0
        var running: (invoice: String, spend: Int64) = ("", 0)
        for event in events {
            if event.invoice != running.invoice { running = (event.invoice, 0) }
            if event.isPurchase {
                running.spend += event.amount
                largest = max(largest, running.spend)
            }
        }

        switch feature {
        case .recencyDays: return recency
        case .previousPurchaseDayDays: return days.last(where: { $0 < today }).map { today - $0 } ?? .nan
        case .lastGapDays: return gaps.last ?? .nan
        case .customerLifetimeDays: return since(events.map(\.time).min())
        case .purchaseLifetimeDays: return age
        case .daysSinceLastReturn: return since(returned.map(\.time).max())
        case .frequency: return invoices
        case .purchaseDays: return purchaseDays
        case .totalTransactions: return Double(events.count)
        case .monetary: return money(w(365).spend)
        case .totalMonetary: return spend
        case .uniqueInvoices: return Double(w(365).invoices)
        case .uniqueProducts: return Double(w(365).products)
        case .uniqueDescriptions: return Double(w(365).descriptions)
        case .avgBasketSize: return ratio(units, invoices)
        case .avgBasketValue: return ratio(spend, invoices)
        case .avgBasketLines: return ratio(Double(bought.count), invoices)
        case .maxBasketValue: return money(largest)
        case .avgUnitPrice: return ratio(spend, units)
        case .invoicesPerPurchaseDay: return ratio(invoices, purchaseDays)
        case .repeatLineRatio: return ratio(Double(slow.repeatLines), Double(bought.count))
        case .freq7d: return Double(w(7).purchaseInvoices)
        case .freq30d: return Double(w(30).purchaseInvoices)
        case .freq60d: return Double(w(60).purchaseInvoices)
        case .freq90d: return Double(w(90).purchaseInvoices)
        case .freq180d: return Double(w(180).purchaseInvoices)
        case .freq365d: return Double(w(365).purchaseInvoices)
        case .purchaseDays7d: return Double(w(7).purchaseDays)
        case .purchaseDays30d: return Double(w(30).purchaseDays)
        case .purchaseDays60d: return Double(w(60).purchaseDays)
        case .purchaseDays90d: return Double(w(90).purchaseDays)
        case .purchaseDays180d: return Double(w(180).purchaseDays)
        case .purchaseDays365d: return Double(w(365).purchaseDays)
        case .transactions7d: return Double(w(7).purchaseLines)
        case .transactions30d: return Double(w(30).purchaseLines)
        case .transactions60d: return Double(w(60).purchaseLines)
        case .transactions90d: return Double(w(90).purchaseLines)
        case .transactions180d: return Double(w(180).purchaseLines)
        case .transactions365d: return Double(w(365).purchaseLines)
        case .spend7d: return money(w(7).spend)
        case .spend30d: return money(w(30).spend)
        case .spend60d: return money(w(60).spend)
        case .spend90d: return money(w(90).spend)
        case .spend180d: return money(w(180).spend)
        case .units30d: return Double(w(30).units)
        case .units90d: return Double(w(90).units)
        case .products30d: return Double(w(30).products)
        case .products90d: return Double(w(90).products)
        case .products180d: return Double(w(180).products)
        case .returns30d: return Double(w(30).returnLines)
        case .returns90d: return Double(w(90).returnLines)
        case .returns365d: return Double(w(365).returnLines)
        case .returnAmount90d: return money(w(90).returnAmount)
        case .spendRatio30d90d: return ratio(Double(w(30).spend), Double(w(90).spend))
        case .spendRatio90d180d: return ratio(Double(w(90).spend), Double(w(180).spend))
        case .freqRatio30d90d: return ratio(Double(w(30).purchaseInvoices), Double(w(90).purchaseInvoices))
        case .freqRatio90d180d: return ratio(Double(w(90).purchaseInvoices), Double(w(180).purchaseInvoices))
        case .totalReturns: return Double(returned.count)
        case .returnRate: return ratio(Double(returned.count), Double(events.count))
        case .returnAmount: return refund
        case .netAmount: return spend - refund
        case .country:
            let last = events.last { !$0.country.isEmpty }?.country
            return last.map { $0 == "United Kingdom" ? 0 : $0 == "France" ? 1 : 2 } ?? .nan
        case .avgDayOfWeek: return mean(weekdays)
        case .stdDayOfWeek: return deviation(weekdays)
        case .avgMonth: return mean(months)
        case .stdMonth: return deviation(months)
        case .weekendRatio: return ratio(Double(weekdays.count { $0 >= 5 }), Double(events.count))
        case .purchaseRate: return hasBought ? (purchaseDays - 0.3) / (age + 60) : .nan
        case .expectedPurchases: return hasBought ? (purchaseDays - 0.3) / (age + 60) * 30 : .nan
        case .purchaseProbability:
            return hasBought ? 1 - pow((age + 60) / (age + 90), purchaseDays - 0.3) : .nan
        case .decayedPurchaseDays45d: return decayed(45)
        case .decayedPurchaseDays90d: return decayed(90)
        case .decayedPurchaseDays180d: return decayed(180)
        case .decayedRate45d: return decayedRate(45)
        case .decayedRate90d: return decayedRate(90)
        case .decayedRate180d: return decayedRate(180)
        case .meanGapDays: return gapMean
        case .medianGapDays: return median
        case .stdGapDays: return deviation(gaps)
        case .minGapDays: return gaps.min() ?? .nan
        case .maxGapDays: return gaps.max() ?? .nan
        case .gapVariation: return deviation(gaps) / gapMean
        case .recencyOverMeanGap: return recency / gapMean
        case .recencyOverMedianGap: return recency / median
        case .lastGapOverMeanGap: return (gaps.last ?? .nan) / gapMean
        case .gapHazard:
            guard let last = days.last else { return 0.5 }
            let longer = gaps.filter { $0 > today - last }
            return Double(longer.count { $0 <= today - last + 30 } + 1) / Double(longer.count + 2)
        case .basketLines: return Double(basketBought.count)
        case .basketUnits: return Double(basketBought.reduce(0) { $0 + $1.quantity })
        case .basketValue: return basketValue
        case .basketReturns: return Double(basket.count(where: \.isCancellation))
        case .basketValueOverAverage: return ratio(basketValue, ratio(spend, invoices))
        }
    }

    @Test func givesEveryFeatureAsDefinedForThousandsOfHistories() throws {
        for seed in UInt64(10_000)..<12_000 {
            var random = SplitMix64(seed: seed)
            let events = SlowCustomer.random(&random, count: 1 + Int(random.next() % 60))
            var table = CustomerTable()
            for event in events { try decoder.with(event) { _ = table.update($0) } }
            var clock = events.map(\.time).max()!
            var state = table.states[0]
            if seed % 3 == 0 {
                clock += Int64(random.next() % 300) * 86_400_000 + 1234
                state.advance(to: clock)
            }
            let slow = SlowCustomer(events, clock: clock)
            var matrix = FeatureMatrix()
            extractor.append(state, to: &matrix)
            for feature in Feature.allCases {
                let found = Double(matrix[0][feature.rawValue])
                let wanted = expected(feature, slow)
                let isEqual =
                    found.isNaN && wanted.isNaN || found == wanted
                    || abs(found - wanted) <= 1e-5 * max(abs(wanted), 0.01)
                if !isEqual {
                    Issue.record(
                        "seed \(seed): \(feature.name(for: .standard)) is \(found), by its definition \(wanted)")
                    return
                }
            }
        }
    }

    @Test func leavesNoFeatureOut() throws {
        var table = CustomerTable()
        var event = SampleEvent()
        for number in 0..<40 {
            event.invoice = "\(number)"
            event.time += 5 * 86_400_000 + 61_000 * Int64(number)
            event.quantity = number % 9 == 8 ? -1 : 5
            try decoder.with(event) { _ = table.update($0) }
        }
        var matrix = FeatureMatrix()
        extractor.append(table.states[0], to: &matrix)
        for feature in Feature.allCases {
            #expect(!matrix[0][feature.rawValue].isNaN, "\(feature.name(for: .standard))")
        }
    }
}
