/// The features of a customer at an instant t, in the order in which they stand in a `FeatureVector`.
///
/// A day is a UTC day, an amount is in units of the currency, a window of d days is (t − d days, t]. Where a feature has
/// no value (no purchase yet, a ratio over nothing) it is NaN.
public enum Feature: Int, CaseIterable, Sendable {
    case recencyDays, previousPurchaseDayDays, lastGapDays, customerLifetimeDays, purchaseLifetimeDays
    case daysSinceLastReturn
    case frequency, purchaseDays, totalTransactions, monetary, totalMonetary
    case uniqueInvoices, uniqueProducts, uniqueDescriptions
    case avgBasketSize, avgBasketValue, avgBasketLines, maxBasketValue, avgUnitPrice, invoicesPerPurchaseDay
    case repeatLineRatio
    case freq7d, freq30d, freq60d, freq90d, freq180d, freq365d
    case purchaseDays7d, purchaseDays30d, purchaseDays60d, purchaseDays90d, purchaseDays180d, purchaseDays365d
    case transactions7d, transactions30d, transactions60d, transactions90d, transactions180d, transactions365d
    case spend7d, spend30d, spend60d, spend90d, spend180d
    case units30d, units90d, products30d, products90d, products180d
    case returns30d, returns90d, returns365d, returnAmount90d
    case spendRatio30d90d, spendRatio90d180d, freqRatio30d90d, freqRatio90d180d
    case totalReturns, returnRate, returnAmount, netAmount
    case country
    case avgDayOfWeek, stdDayOfWeek, avgMonth, stdMonth, weekendRatio
    case purchaseRate, expectedPurchases, purchaseProbability
    case decayedPurchaseDays45d, decayedPurchaseDays90d, decayedPurchaseDays180d
    case decayedRate45d, decayedRate90d, decayedRate180d
    case meanGapDays, medianGapDays, stdGapDays, minGapDays, maxGapDays, gapVariation
    case recencyOverMeanGap, recencyOverMedianGap, lastGapOverMeanGap, gapHazard
    case basketLines, basketUnits, basketValue, basketReturns, basketValueOverAverage

    /// Whether the feature looks as far ahead as the prediction does.
    private var looksAhead: Bool {
        switch self {
        case .expectedPurchases, .purchaseProbability, .gapHazard: true
        default: false
        }
    }

    /// The feature's name in artifacts, tables and exports: `spend30d` is `spend_30d`, and `gapHazard` is `gap_hazard_7d` where
    /// the horizon is 7 days.
    package func name(for horizon: Horizon) -> String {
        let name = canonicalName
        return looksAhead ? "\(name)_\(horizon.days)d" : name
    }

    private var canonicalName: String {
        var name = ""
        var previous: Character = "_"
        for character in "\(self)" {
            let startsNumber = character.isNumber && !previous.isNumber
            if character.isUppercase || startsNumber { name.append("_") }
            name.append(contentsOf: character.lowercased())
            previous = character
        }
        return name
    }

    /// The feature's definition in one line; a part of the schema's fingerprint.
    package func definition(for horizon: Horizon) -> String {
        looksAhead ? template.replacing("{horizon}", with: "\(horizon.days)") : template
    }

    /// The definition, with a place for the horizon.
    private var template: String {
        switch self {
        case .recencyDays: "days from the latest purchase line to t"
        case .previousPurchaseDayDays: "days from the latest purchase day before the day of t to the day of t"
        case .lastGapDays: "days between the two latest purchase days"
        case .customerLifetimeDays: "days from the earliest event to t"
        case .purchaseLifetimeDays: "days from the earliest purchase line to t"
        case .daysSinceLastReturn: "days from the latest cancellation line to t"
        case .frequency: "invoices with a purchase line, whole history; one that comes back after 365 days counts anew"
        case .purchaseDays:
            "days with a purchase line, whole history; one told of more than 365 days late does not count"
        case .totalTransactions: "events of any kind, whole history"
        case .monetary: "amount of purchase lines, 365 days"
        case .totalMonetary: "amount of purchase lines, whole history"
        case .uniqueInvoices: "distinct invoices of any kind, 365 days"
        case .uniqueProducts: "distinct products bought, 365 days"
        case .uniqueDescriptions: "distinct descriptions of products bought, 365 days"
        case .avgBasketSize: "pieces bought per purchase invoice, whole history"
        case .avgBasketValue: "amount bought per purchase invoice, whole history"
        case .avgBasketLines: "purchase lines per purchase invoice, whole history"
        case .maxBasketValue: "largest amount of one basket, whole history"
        case .avgUnitPrice: "amount per piece bought, whole history"
        case .invoicesPerPurchaseDay: "purchase invoices per purchase day, whole history"
        case .repeatLineRatio:
            "share of purchase lines whose product had come up before in the stream, within 365 days of t"
        case .freq7d: "invoices with a purchase line, 7 days"
        case .freq30d: "invoices with a purchase line, 30 days"
        case .freq60d: "invoices with a purchase line, 60 days"
        case .freq90d: "invoices with a purchase line, 90 days"
        case .freq180d: "invoices with a purchase line, 180 days"
        case .freq365d: "invoices with a purchase line, 365 days"
        case .purchaseDays7d: "days with a purchase line, 7 days"
        case .purchaseDays30d: "days with a purchase line, 30 days"
        case .purchaseDays60d: "days with a purchase line, 60 days"
        case .purchaseDays90d: "days with a purchase line, 90 days"
        case .purchaseDays180d: "days with a purchase line, 180 days"
        case .purchaseDays365d: "days with a purchase line, 365 days"
        case .transactions7d: "purchase lines, 7 days"
        case .transactions30d: "purchase lines, 30 days"
        case .transactions60d: "purchase lines, 60 days"
        case .transactions90d: "purchase lines, 90 days"
        case .transactions180d: "purchase lines, 180 days"
        case .transactions365d: "purchase lines, 365 days"
        case .spend7d: "amount of purchase lines, 7 days"
        case .spend30d: "amount of purchase lines, 30 days"
        case .spend60d: "amount of purchase lines, 60 days"
        case .spend90d: "amount of purchase lines, 90 days"
        case .spend180d: "amount of purchase lines, 180 days"
        case .units30d: "pieces bought, 30 days"
        case .units90d: "pieces bought, 90 days"
        case .products30d: "distinct products bought, 30 days"
        case .products90d: "distinct products bought, 90 days"
        case .products180d: "distinct products bought, 180 days"
        case .returns30d: "cancellation lines, 30 days"
        case .returns90d: "cancellation lines, 90 days"
        case .returns365d: "cancellation lines, 365 days"
        case .returnAmount90d: "amount of cancellation lines, 90 days"
        case .spendRatio30d90d: "spend of 30 days over spend of 90 days"
        case .spendRatio90d180d: "spend of 90 days over spend of 180 days"
        case .freqRatio30d90d: "purchase invoices of 30 days over those of 90 days"
        case .freqRatio90d180d: "purchase invoices of 90 days over those of 180 days"
        case .totalReturns: "cancellation lines, whole history"
        case .returnRate: "cancellation lines over events of any kind, whole history"
        case .returnAmount: "amount of cancellation lines, whole history"
        case .netAmount: "amount of purchase lines less that of cancellation lines, whole history"
        case .country: "rank of the customer's country by customers in the training period, 0 first; unseen ones last"
        case .avgDayOfWeek: "mean day of the week (Monday 0) over events, whole history"
        case .stdDayOfWeek: "standard deviation of the day of the week over events, whole history"
        case .avgMonth: "mean month (1 to 12) over events, whole history"
        case .stdMonth: "standard deviation of the month over events, whole history"
        case .weekendRatio: "share of events on Saturday or Sunday, whole history"
        case .purchaseRate: "gamma-Poisson rate a day: (purchase days − 0.3) / (days since the first purchase + 60)"
        case .expectedPurchases: "purchase rate times {horizon} days"
        case .purchaseProbability: "negative-binomial chance of a purchase day within {horizon} days at that rate"
        case .decayedPurchaseDays45d: "purchase days of 365 days, each halved in weight every 45 days of age"
        case .decayedPurchaseDays90d: "purchase days of 365 days, each halved in weight every 90 days of age"
        case .decayedPurchaseDays180d: "purchase days of 365 days, each halved in weight every 180 days of age"
        case .decayedRate45d: "decayed purchase days (45 days) + 0.5, over equally decayed days since the first + 60"
        case .decayedRate90d: "decayed purchase days (90 days) + 0.5, over equally decayed days since the first + 60"
        case .decayedRate180d: "decayed purchase days (180 days) + 0.5, over equally decayed days since the first + 60"
        case .meanGapDays: "mean days between neighbouring purchase days, 365 days"
        case .medianGapDays: "median days between neighbouring purchase days, 365 days"
        case .stdGapDays: "standard deviation of days between neighbouring purchase days, 365 days"
        case .minGapDays: "fewest days between neighbouring purchase days, 365 days"
        case .maxGapDays: "most days between neighbouring purchase days, 365 days"
        case .gapVariation: "standard deviation over mean of the gaps"
        case .recencyOverMeanGap: "recency over the mean gap"
        case .recencyOverMedianGap: "recency over the median gap"
        case .lastGapOverMeanGap: "last gap over the mean gap"
        case .gapHazard:
            "of the customer's gaps longer than the days since the latest purchase day, the share "
                + "that ended within {horizon} more: (k + 1) / (n + 2)"
        case .basketLines: "purchase lines since the invoice number last changed"
        case .basketUnits: "pieces bought since the invoice number last changed"
        case .basketValue: "amount bought since the invoice number last changed"
        case .basketReturns: "cancellation lines since the invoice number last changed"
        case .basketValueOverAverage: "basket value over the average basket value"
        }
    }
}
