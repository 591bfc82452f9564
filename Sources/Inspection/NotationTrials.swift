import Events

/// Tries on a sample how values of a field are understood in several notations.
struct NotationTrials {
    /// What a field's values are understood as.
    struct Outcome {
        var understood = 0
        var refused = 0
        var missing = 0
        var texts: [String] = []
        var numbers: [Double] = []
        /// Times, each with the time of its message where that has one.
        var times: [(time: Int64, message: Int64?)] = []

        /// Whether nearly all that is there is understood.
        var isGood: Bool { understood > 0 && refused * 20 <= understood }
    }

    /// More messages tell no more of a notation.
    private static let tried = 300

    let messages: [InspectedMessage]
    let isTable: Bool

    init(messages: [InspectedMessage], isTable: Bool) {
        // From all over the sample.
        let step = max(1, messages.count / Self.tried)
        self.messages = stride(from: 0, to: messages.count, by: step).map { messages[$0] }
        self.isTable = isTable
    }

    func outcome(of field: EventField, in format: EventFormat) -> Outcome {
        var outcome = Outcome()
        let trial = FieldTrial(field, in: format)
        for message in messages {
            guard let value = message.value else { continue }
            for (_, reading) in value.withUnsafeBytes({ trial.readings(in: $0) }) {
                switch reading {
                case .missing: outcome.missing += 1
                case .refused: outcome.refused += 1
                case .text(let text): outcome.texts.append(text)
                case .number(let number): outcome.numbers.append(number)
                case .time(let time): outcome.times.append((time, message.timestamp))
                }
            }
        }
        outcome.understood = outcome.texts.count + outcome.numbers.count + outcome.times.count
        return outcome
    }

    /// Whether the values at a path can be those of a field, in some notation.
    func allow(_ path: String, as field: EventField, in format: EventFormat) -> Bool {
        var trial = format
        trial.fields[field] = path
        switch field {
        case .invoiceDate: return bestTime(trial) != nil
        case .quantity, .unitPrice, .lineTotal:
            return Self.decimals(trial).contains { outcome(of: field, in: $0).isGood }
        case .status:
            let outcome = outcome(of: field, in: trial)
            return outcome.isGood && Set(outcome.texts).count <= 20
        default: return outcome(of: field, in: trial).isGood
        }
    }

    // MARK: Times

    /// Notations of times in the order of preference where several read everything.
    private static let times =
        ["auto", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"]
        + [
            "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy", "dd-MM-yyyy", "MM-dd-yyyy", "yyyy/MM/dd", "dd MMM yyyy",
            "dd-MMM-yyyy", "MMM dd, yyyy",
        ]
        .flatMap { date in
            ["", " HH:mm", " HH:mm:ss", " HH:mm:ss.SSS", " hh:mm a", " hh:mm:ss a", ", HH:mm", ", HH:mm:ss"].map {
                date + $0
            }
        }
        + ["yyyy-MM-dd HH:mm", "yyyyMMdd", "yyyyMMddHHmmss", "yyyyMMdd HH:mm:ss", "yyyy.MM.dd HH:mm:ss"]

    /// The notation in which the times of a format's field read best.
    /// - Returns: also another one that reads all values as well, but otherwise; `nil` where none reads nearly all.
    func bestTime(_ format: EventFormat) -> (notation: TimeNotation, other: TimeNotation?)? {
        var best: (notation: TimeNotation, outcome: Outcome)?
        var other: TimeNotation?
        if outcome(of: .invoiceDate, in: format).isGood { return (format.time, nil) }
        for text in Self.times {
            guard let notation = TimeNotation(text) else { continue }
            var trial = format
            trial.time = notation
            let outcome = outcome(of: .invoiceDate, in: trial)
            guard outcome.isGood else { continue }
            guard let known = best else {
                best = (notation, outcome)
                continue
            }
            let isSame = outcome.times.elementsEqual(known.outcome.times) { $0.time == $1.time }
            if isSame { continue }
            if Self.isMorePlausible(outcome, than: known.outcome) {
                (best, other) = ((notation, outcome), known.notation)
            } else {
                other = other ?? notation
            }
        }
        return best.map { ($0.notation, other) }
    }

    /// More understood; then fewer after their messages; then nearer to them; then more in order.
    private static func isMorePlausible(_ a: Outcome, than b: Outcome) -> Bool {
        func key(_ outcome: Outcome) -> [Double] {
            let gaps = outcome.times.compactMap { pair in pair.message.map { Double($0 - pair.time) } }
            let day = Double(EventTime.millisecondsPerDay)
            let ahead = gaps.count { $0 < -day }
            let median = gaps.map(\.magnitude).sorted()[safe: gaps.count / 2] ?? 0
            let backward = zip(outcome.times, outcome.times.dropFirst()).count { $0.time > $1.time }
            return [Double(-outcome.understood), Double(ahead), (median / day).rounded(), Double(backward)]
        }
        return key(a).lexicographicallyPrecedes(key(b))
    }

    // MARK: Numbers

    /// A format's variants in how decimals are written, itself first.
    static func decimals(_ format: EventFormat) -> [EventFormat] {
        let notations: [(decimal: String, thousands: String)] = [
            (".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (",", "\u{A0}"), (".", "'"), (".", " "),
        ]
        let separated = notations.map { notation in
            var variant = format
            (variant.decimalSeparator, variant.thousandsSeparator) = notation
            return variant
        }
        var base64 = format
        base64.decimalScale = 2
        return [format] + separated + [base64]
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
