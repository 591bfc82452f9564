import Events
import Foundation

extension FormatProposal {
    /// How the values of the fields that were found are written.
    mutating func findNotations(_ trials: NotationTrials) {
        findTime(trials)
        findDecimals(trials)
        findStatuses()
        notePrefixes(trials)
    }

    private mutating func findTime(_ trials: NotationTrials) {
        guard let choice = trials.bestTime(format) else {
            return remark("the times at \(format.fields[.invoiceDate]) are in a notation that events.time names")
        }
        update { $0.time = choice.notation }
        if let doubt = choice.doubt { remark("events.time is right: \(doubt)") }
    }

    // MARK: Numbers

    private mutating func findDecimals(_ trials: NotationTrials) {
        let fields = [EventField.quantity, .unitPrice, .lineTotal].filter { !format.fields[$0].isEmpty }
        let readings = NotationTrials.decimals(format).map { variant in
            (format: variant, outcomes: fields.map { trials.outcome(of: $0, in: variant) })
        }
        func understood(_ outcomes: [NotationTrials.Outcome]) -> Int { outcomes.reduce(0) { $0 + $1.understood } }
        let most = readings.map { understood($0.outcomes) }.max() ?? 0
        let equal = readings.filter { understood($0.outcomes) == most }
        guard most > 0, var best = equal.first else { return }
        // Another reading of the same texts.
        if let other = equal.first(where: { $0.outcomes.map(\.numbers) != best.outcomes.map(\.numbers) }) {
            var doubted = other
            // Fractions of three digits throughout are rather thousands.
            let separator = best.format.decimalSeparator
            if best.format != format, best.outcomes.allSatisfy({ Self.hasThreeDigitsOnly($0, behind: separator) }) {
                (best, doubted) = (other, best)
            }
            remark("amounts are what they are taken for: \(Self.doubt(best.outcomes, doubted.outcomes))")
        }
        if best.format.decimalScale != format.decimalScale {
            remark(
                "amounts, which are decimals in base64, have \(best.format.decimalScale) digits behind the point "
                    + "(events.decimal_scale)")
        }
        for (field, outcome) in zip(fields, best.outcomes)
        where !outcome.isGood && outcome.understood + outcome.refused > 0 {
            remark(
                "\(format.fields[field]) holds numbers in the notation of the other amounts: "
                    + "\"\(outcome.refusedText ?? "")\" is none")
        }
        update { $0 = best.format }
    }

    private static func hasThreeDigitsOnly(_ outcome: NotationTrials.Outcome, behind separator: String) -> Bool {
        outcome.written.allSatisfy { text in
            guard let place = text.range(of: separator, options: .backwards) else { return true }
            return text[place.upperBound...].filter(\.isNumber).count == 3
        }
    }

    private static func doubt(_ outcomes: [NotationTrials.Outcome], _ others: [NotationTrials.Outcome]) -> String {
        for (outcome, other) in zip(outcomes, others) where outcome.numbers.count == other.numbers.count {
            for (index, number) in outcome.numbers.enumerated() where number != other.numbers[index] {
                return "\(outcome.written[index]) is taken for \(number), and could be \(other.numbers[index]) "
                    + "(events.decimal_separator, events.thousands_separator)"
            }
        }
        return "their notation has two readings"
    }

    // MARK: Statuses

    private mutating func findStatuses() {
        guard !format.fields[.status].isEmpty, format.statuses.isEmpty else { return }
        let orders = statusesOfOrders()
        var statuses: [String: EventFormat.Meaning] = [:]
        for word in orders.words { statuses[word] = FieldVocabulary.meaning(ofStatus: word) }
        guard !statuses.isEmpty else { return update { $0.fields[.status] = "" } }
        let unknown = orders.words.filter { statuses[$0] == nil }
        for word in unknown { statuses[word] = .ignore }
        var sentence =
            "events.statuses is right, a guess from the words that were seen (a message with another one is refused)"
        if !unknown.isEmpty { sentence += "; ignored, not being understood: \(unknown.joined(separator: ", "))" }
        let purchases = orders.words.filter { statuses[$0] == .purchase }
        if orders.isRepeated, purchases.count > 1, let counted = Self.first(of: purchases) {
            for word in purchases where word != counted { statuses[word] = .ignore }
            sentence +=
                "; an order is sent again as it goes on (\(purchases.joined(separator: ", "))): only \(counted) counts as the purchase"
        }
        update { $0.statuses = statuses }
        remark(sentence)
    }

    private static func first(of statuses: [String]) -> String? {
        statuses.min { a, b in
            func rank(_ status: String) -> Int {
                FieldVocabulary.purchases.firstIndex(of: FieldVocabulary.word(ofStatus: status)) ?? .max
            }
            return (rank(a), a) < (rank(b), b)
        }
    }

    /// All statuses, and whether the same line of an order is sent with several of them that are purchases.
    private func statusesOfOrders() -> (words: [String], isRepeated: Bool) {
        let trials = [EventField.status, .invoiceNo, .stockCode].map { FieldTrial($0, in: format) }
        var words: Set<String> = []
        var byLine: [String: Set<String>] = [:]
        for message in messages {
            guard let value = message.value else { continue }
            let readings = value.withUnsafeBytes { bytes in trials.map { $0.readings(in: bytes) } }
            for index in readings[0].indices {
                guard case .text(let word) = readings[0][index].reading else { continue }
                words.insert(word)
                guard FieldVocabulary.meaning(ofStatus: word) == .purchase,
                    readings.allSatisfy({ $0.indices.contains(index) })
                else { continue }
                let line = readings[1][index].written + "\u{0}" + readings[2][index].written
                byLine[line, default: []].insert(word)
            }
        }
        let repeated = byLine.values.count { $0.count > 1 }
        return (words.sorted(), repeated * 10 > byLine.count)
    }

    /// Prefixes that some invoices have and most have not may mark returns.
    private mutating func notePrefixes(_ trials: NotationTrials) {
        guard !format.fields[.invoiceNo].isEmpty, format.cancellationPrefix.isEmpty else { return }
        let invoices = trials.outcome(of: .invoiceNo, in: format).texts
        let prefixes = invoices.map { String($0.prefix { $0.isLetter }) }
        let counts = Dictionary(grouping: prefixes) { $0 }.mapValues(\.count)
        guard counts.count > 1, counts[""] ?? 0 > invoices.count / 2 else { return }
        for (prefix, count) in counts.sorted(by: { $0.key < $1.key }) where !prefix.isEmpty {
            remark(
                "invoices that begin with \(prefix) (\(count) of the \(invoices.count) looked at) give nothing back; else set "
                    + "events.cancellation_prefix to \(prefix)")
        }
    }
}
