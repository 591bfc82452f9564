import Events

extension FormatProposal {
    /// How the values of the fields that were found are written.
    mutating func findNotations(_ trials: NotationTrials) {
        findTime(trials)
        findDecimals(trials)
        findStatuses(trials)
        notePrefixes(trials)
    }

    private mutating func findTime(_ trials: NotationTrials) {
        guard let (notation, other) = trials.bestTime(format) else {
            return remark("the times at \(format.fields[.invoiceDate]) are in no known notation: set events.time")
        }
        update { $0.time = notation }
        if let other {
            remark("times could also be read as \(other.description): make sure that events.time is right")
        }
    }

    private mutating func findDecimals(_ trials: NotationTrials) {
        let fields = [EventField.quantity, .unitPrice, .lineTotal].filter { !format.fields[$0].isEmpty }
        var best: (format: EventFormat, understood: Int)?
        for variant in NotationTrials.decimals(format) {
            let understood = fields.reduce(0) { $0 + trials.outcome(of: $1, in: variant).understood }
            if understood > best?.understood ?? 0 { best = (variant, understood) }
        }
        guard let best else { return }
        if best.format.decimalScale != format.decimalScale {
            remark(
                "amounts are decimals in base64 without their scale: make sure that they have \(best.format.decimalScale) digits "
                    + "behind the point (events.decimal_scale)")
        }
        update { $0 = best.format }
    }

    private mutating func findStatuses(_ trials: NotationTrials) {
        guard !format.fields[.status].isEmpty, format.statuses.isEmpty else { return }
        let words = Set(trials.outcome(of: .status, in: format).texts)
        var statuses: [String: EventFormat.Meaning] = [:]
        for word in words { statuses[word] = FieldVocabulary.meaning(ofStatus: word) }
        guard !statuses.isEmpty else {
            return update { $0.fields[.status] = "" }
        }
        let unknown = words.filter { statuses[$0] == nil }.sorted()
        for word in unknown { statuses[word] = .ignore }
        update { $0.statuses = statuses }
        remark(
            "events.statuses is a guess from the words that were seen"
                + (unknown.isEmpty ? "" : "; not understood and ignored: \(unknown.joined(separator: ", "))")
                + ": a status that it lacks makes a message no event")
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
                "\(count) of \(invoices.count) invoices looked at begin with \(prefix): if these give something back, set "
                    + "events.cancellation_prefix to \(prefix)")
        }
    }
}
