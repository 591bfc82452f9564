import CArithmetic
import Customers
import Events

/// Computes the feature row of a customer's state: the one implementation that training, replay and live scoring share.
public final class FeatureExtractor: Sendable {
    /// How far ahead the predictions look that the features are for.
    private let horizon: Horizon
    /// Prior of the gamma-Poisson purchase rate: purchases subtracted and days added.
    static let rateOffset = 0.3
    static let ratePriorDays = 60.0
    static let decayedPrior = 0.5
    static let halfLivesDays: InlineArray<3, Double> = [45, 90, 180]

    // Written once in `init`. Arrays would be retained and released for every event.
    /// Ranks of the countries (see `CategoryEncoding`).
    nonisolated(unsafe) private let countries: UnsafeMutableBufferPointer<CategoryEncoding.Slot>
    /// Weight of a purchase day by age in days, for each half-life.
    nonisolated(unsafe) private let decay: UnsafeMutablePointer<SIMD4<Double>>
    /// Instruction set of the kernels.
    private let level = ce_best_level()

    /// - Parameters:
    ///   - encoding: of categories, from the artifact that is scored with.
    ///   - horizon: of that artifact.
    public init(encoding: CategoryEncoding, horizon: Horizon) {
        self.horizon = horizon
        countries = .allocate(capacity: encoding.slots.count)
        _ = countries.initialize(from: encoding.slots)
        decay = .allocate(capacity: Windows.longestDays + 1)
        for age in 0...Windows.longestDays {
            var weights = SIMD4<Double>()
            for index in 0..<3 {
                weights[index] = Self.decayed(age: Double(age), halfLife: Self.halfLivesDays[index])
            }
            (decay + age).initialize(to: weights)
        }
    }

    deinit {
        countries.deallocate()
        decay.deallocate()
    }

    private static func decayed(age: Double, halfLife: Double) -> Double {
        Elementary.exp(decayExponent(age: age, halfLife: halfLife))
    }

    private static func decayExponent(age: Double, halfLife: Double) -> Double {
        -0.693147180559945309417 * age / halfLife
    }

    /// Appends the features of `state` at its clock to the rows of a matrix.
    /// - Complexity: O(1), but for the decayed sums and the hazard, which read the purchase days of the longest window
    ///   (365 at most).
    public func append(_ state: CustomerState, to matrix: inout FeatureMatrix) {
        withUnsafePointer(to: state) { append($0, to: &matrix) }
    }

    /// Appends the features of a state in place, without copying it.
    public func append(_ state: UnsafePointer<CustomerState>, to matrix: inout FeatureMatrix) {
        matrix.appendRow { extract(state, into: $0) }
    }

    private func extract(_ state: UnsafePointer<CustomerState>, into row: FeatureVector) {
        totals(state, row)
        windows(state, row)
        calendar(state, row)
        rates(state, row)
        gaps(state, row)
        basket(state, row)
        row.row[Feature.country.rawValue] = CategoryEncoding.countryRank(
            state.pointee.lifetime.countryHash, in: UnsafeBufferPointer(countries))
    }

    private func totals(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let lifetime = state.pointee.lifetime
        let spend = currency(lifetime.spend)
        let returned = currency(lifetime.returnAmount)
        let invoices = Double(lifetime.purchaseInvoices)
        row[.recencyDays] = days(from: lifetime.lastPurchaseTime, to: state.pointee.clock)
        row[.customerLifetimeDays] = days(from: lifetime.firstEventTime, to: state.pointee.clock)
        row[.purchaseLifetimeDays] = days(from: lifetime.firstPurchaseTime, to: state.pointee.clock)
        row[.daysSinceLastReturn] = days(from: lifetime.lastReturnTime, to: state.pointee.clock)
        row[.frequency] = invoices
        row[.purchaseDays] = Double(lifetime.purchaseDays)
        row[.totalTransactions] = Double(lifetime.events)
        row[.totalMonetary] = spend
        row[.avgBasketSize] = ratio(Double(lifetime.units), invoices)
        row[.avgBasketValue] = ratio(spend, invoices)
        row[.avgBasketLines] = ratio(Double(lifetime.purchaseLines), invoices)
        row[.maxBasketValue] = currency(lifetime.largestBasketSpend)
        row[.avgUnitPrice] = ratio(spend, Double(lifetime.units))
        row[.invoicesPerPurchaseDay] = ratio(invoices, Double(lifetime.purchaseDays))
        row[.repeatLineRatio] = ratio(Double(lifetime.repeatLines), Double(lifetime.purchaseLines))
        row[.totalReturns] = Double(lifetime.returnLines)
        row[.returnRate] = ratio(Double(lifetime.returnLines), Double(lifetime.events))
        row[.returnAmount] = returned
        row[.netAmount] = currency(lifetime.spend &- lifetime.returnAmount)
    }

    private func windows(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let (w7, w30, w60) = (state.pointee.window(0), state.pointee.window(1), state.pointee.window(2))
        let (w90, w180, w365) = (state.pointee.window(3), state.pointee.window(4), state.pointee.window(5))
        row[.freq7d] = Double(w7.purchaseInvoices)
        row[.freq30d] = Double(w30.purchaseInvoices)
        row[.freq60d] = Double(w60.purchaseInvoices)
        row[.freq90d] = Double(w90.purchaseInvoices)
        row[.freq180d] = Double(w180.purchaseInvoices)
        row[.freq365d] = Double(w365.purchaseInvoices)
        row[.purchaseDays7d] = Double(w7.purchaseDays)
        row[.purchaseDays30d] = Double(w30.purchaseDays)
        row[.purchaseDays60d] = Double(w60.purchaseDays)
        row[.purchaseDays90d] = Double(w90.purchaseDays)
        row[.purchaseDays180d] = Double(w180.purchaseDays)
        row[.purchaseDays365d] = Double(w365.purchaseDays)
        row[.transactions7d] = Double(w7.purchaseLines)
        row[.transactions30d] = Double(w30.purchaseLines)
        row[.transactions60d] = Double(w60.purchaseLines)
        row[.transactions90d] = Double(w90.purchaseLines)
        row[.transactions180d] = Double(w180.purchaseLines)
        row[.transactions365d] = Double(w365.purchaseLines)
        row[.spend7d] = currency(w7.spend)
        row[.spend30d] = currency(w30.spend)
        row[.spend60d] = currency(w60.spend)
        row[.spend90d] = currency(w90.spend)
        row[.spend180d] = currency(w180.spend)
        row[.monetary] = currency(w365.spend)
        row[.units30d] = Double(w30.units)
        row[.units90d] = Double(w90.units)
        row[.products30d] = Double(w30.products)
        row[.products90d] = Double(w90.products)
        row[.products180d] = Double(w180.products)
        row[.uniqueProducts] = Double(w365.products)
        row[.uniqueDescriptions] = Double(w365.descriptions)
        row[.uniqueInvoices] = Double(w365.invoices)
        row[.returns30d] = Double(w30.returnLines)
        row[.returns90d] = Double(w90.returnLines)
        row[.returns365d] = Double(w365.returnLines)
        row[.returnAmount90d] = currency(w90.returnAmount)
        row[.spendRatio30d90d] = ratio(Double(w30.spend), Double(w90.spend))
        row[.spendRatio90d180d] = ratio(Double(w90.spend), Double(w180.spend))
        row[.freqRatio30d90d] = ratio(Double(w30.purchaseInvoices), Double(w90.purchaseInvoices))
        row[.freqRatio90d180d] = ratio(Double(w90.purchaseInvoices), Double(w180.purchaseInvoices))
    }

    private func calendar(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let lifetime = state.pointee.lifetime
        let events = lifetime.events
        row[.avgDayOfWeek] = ratio(Double(lifetime.weekdaySum), Double(events))
        row[.stdDayOfWeek] = deviation(count: events, sum: lifetime.weekdaySum, squares: lifetime.weekdaySquareSum)
        row[.avgMonth] = ratio(Double(lifetime.monthSum), Double(events))
        row[.stdMonth] = deviation(count: events, sum: lifetime.monthSum, squares: lifetime.monthSquareSum)
        row[.weekendRatio] = ratio(Double(lifetime.weekendEvents), Double(events))
    }

    private func rates(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let purchaseDays = Double(state.pointee.lifetime.purchaseDays)
        let age = days(from: state.pointee.lifetime.firstPurchaseTime, to: state.pointee.clock)
        // All exponentials at once. The first three are the decayed weights, by half-life, of the oldest day observed.
        let seen = min(max(age.isNaN ? 0 : age, 0), Double(Windows.longestDays))
        var exponentials: InlineArray<8, Double> = InlineArray(repeating: 0)
        for index in 0..<3 { exponentials[index] = Self.decayExponent(age: seen, halfLife: Self.halfLivesDays[index]) }
        let count = purchaseDays - Self.rateOffset
        let exposure = age + Self.ratePriorDays
        let horizon = Double(horizon.days)
        let hasRate = purchaseDays > 0 && !age.isNaN
        if hasRate { exponentials[3] = count * Elementary.log(exposure / (exposure + horizon)) }
        withUnsafeMutablePointer(to: &exponentials) { values in
            ce_exp(level, UnsafeMutableRawPointer(values).assumingMemoryBound(to: Double.self))
        }
        row[.purchaseRate] = hasRate ? count / exposure : .nan
        row[.expectedPurchases] = hasRate ? count / exposure * horizon : .nan
        row[.purchaseProbability] = hasRate ? 1 - exponentials[3] : .nan

        let today = Int(EventTime.day(of: state.pointee.clock))
        let counts: InlineArray<3, Feature> = [
            .decayedPurchaseDays45d, .decayedPurchaseDays90d, .decayedPurchaseDays180d,
        ]
        let rates: InlineArray<3, Feature> = [.decayedRate45d, .decayedRate90d, .decayedRate180d]
        var sums = SIMD4<Double>()
        state.pointee.purchaseDays.days.withUnsafeBufferPointer { days in
            for day in days {
                let age = today - Int(day)
                precondition((0...Windows.longestDays).contains(age))
                sums += decay[age]
            }
        }
        for index in 0..<3 {
            let sum = sums[index]
            row[counts[index]] = sum
            let exposure = Self.halfLivesDays[index] / 0.693147180559945309417 * (1 - exponentials[index])
            row[rates[index]] = (sum + Self.decayedPrior) / (exposure + Self.ratePriorDays)
        }
    }

    private func gaps(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let gaps = Gaps(state: state)
        let days = gaps.dayCount
        let today = EventTime.day(of: state.pointee.clock)
        let recency = self.days(from: state.pointee.lifetime.lastPurchaseTime, to: state.pointee.clock)

        if days > 0 {
            let last = gaps.day(days - 1)
            let before = last < today ? last : days > 1 ? gaps.day(days - 2) : nil
            row[.previousPurchaseDayDays] = before.map { Double(today - $0) } ?? .nan
            let waited = today - last
            let shorter = gaps.count(upTo: waited)
            let ended = gaps.count(upTo: waited + Int32(horizon.days)) - shorter
            row[.gapHazard] = (Double(ended) + 1) / (Double(gaps.count - shorter) + 2)
        } else {
            row[.previousPurchaseDayDays] = .nan
            row[.gapHazard] = 0.5
        }

        guard gaps.count > 0 else {
            let without: InlineArray<10, Feature> = [
                .lastGapDays, .meanGapDays, .medianGapDays, .stdGapDays, .minGapDays, .maxGapDays, .gapVariation,
                .recencyOverMeanGap, .recencyOverMedianGap, .lastGapOverMeanGap,
            ]
            for index in without.indices { row[without[index]] = .nan }
            return
        }
        let lastGap = Double(gaps.day(days - 1) - gaps.day(days - 2))
        let sum = state.pointee.purchaseDays.gapSum
        let squares = state.pointee.purchaseDays.gapSquareSum
        let mean = Double(sum) / Double(gaps.count)
        let median = Double(gaps[(gaps.count - 1) / 2] + gaps[gaps.count / 2]) / 2
        let spread = deviation(count: Int64(gaps.count), sum: sum, squares: squares)
        row[.lastGapDays] = lastGap
        row[.meanGapDays] = mean
        row[.medianGapDays] = median
        row[.stdGapDays] = spread
        row[.minGapDays] = Double(gaps[0])
        row[.maxGapDays] = Double(gaps[gaps.count - 1])
        row[.gapVariation] = spread / mean
        row[.recencyOverMeanGap] = recency / mean
        row[.recencyOverMedianGap] = recency / median
        row[.lastGapOverMeanGap] = lastGap / mean
    }

    private func basket(_ state: UnsafePointer<CustomerState>, _ row: FeatureVector) {
        let basket = state.pointee.basket
        row[.basketLines] = Double(basket.purchaseLines)
        row[.basketUnits] = Double(basket.units)
        row[.basketValue] = currency(basket.spend)
        row[.basketReturns] = Double(basket.returnLines)
        let average = ratio(currency(state.pointee.lifetime.spend), Double(state.pointee.lifetime.purchaseInvoices))
        row[.basketValueOverAverage] = ratio(currency(basket.spend), average)
    }

    private func currency(_ money: Int64) -> Double { Double(money) / Double(FixedPoint.moneyScale) }

    private func days(from start: Int64?, to end: Int64) -> Double {
        start.map { Double(end - $0) / Double(EventTime.millisecondsPerDay) } ?? .nan
    }

    /// NaN over nothing.
    private func ratio(_ part: Double, _ whole: Double) -> Double { whole == 0 ? .nan : part / whole }

    /// Population standard deviation from integer sums; exact but for the last division and root.
    private func deviation(count: Int64, sum: Int64, squares: Int64) -> Double {
        if count == 0 { return .nan }
        let scaled = count &* squares &- sum &* sum
        return scaled <= 0 ? 0 : Double(scaled).squareRoot() / Double(count)
    }
}

/// A customer's purchase days and gaps, read in place: holding the arrays would retain and release them for every event.
private struct Gaps {
    let state: UnsafePointer<CustomerState>

    var dayCount: Int { state.pointee.purchaseDays.days.count }

    func day(_ index: Int) -> Int32 { state.pointee.purchaseDays.days[index] }

    var count: Int { state.pointee.purchaseDays.sortedGaps.count }

    /// Gaps, the shortest first.
    subscript(index: Int) -> Int32 { state.pointee.purchaseDays.sortedGaps[index] }

    /// How many gaps are no longer than a bound.
    func count(upTo bound: Int32) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) >> 1
            if self[middle] > bound { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
