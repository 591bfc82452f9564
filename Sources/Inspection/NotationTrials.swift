import Events
import Foundation

/// Tries on a sample how values of a field are understood in several notations.
struct NotationTrials {
    /// What a field's values are understood as.
    struct Outcome {
        var understood = 0
        var refused = 0
        var missing = 0
        var texts: [String] = []
        var numbers: [Double] = []
        /// As they are written, one for each of `numbers` or `times`.
        var written: [String] = []
        /// The first value that is refused.
        var refusedText: String?
        /// Times, each with the time of its message where that has one.
        var times: [(time: Int64, message: Int64?)] = []

        /// Whether nearly all that is there is understood.
        var isGood: Bool { understood > 0 && refused * 20 <= understood }
    }

    /// More messages, or more bytes, tell no more of a notation.
    private static let tried = 300
    private static let triedBytes = 2_000_000
    private static let fewest = 20

    let messages: [InspectedMessage]
    let isTable: Bool

    init(messages: [InspectedMessage], isTable: Bool) {
        // From all over the sample.
        let bytes = messages.reduce(1) { $0 + ($1.value?.count ?? 0) } / max(1, messages.count)
        let count = min(Self.tried, max(Self.fewest, Self.triedBytes / max(1, bytes)))
        let step = max(1, messages.count / count)
        self.messages = stride(from: 0, to: messages.count, by: step).map { messages[$0] }
        self.isTable = isTable
    }

    func outcome(of field: EventField, in format: EventFormat) -> Outcome {
        var outcome = Outcome()
        let trial = FieldTrial(field, in: format)
        for message in messages {
            guard let value = message.value else { continue }
            for (written, reading) in value.withUnsafeBytes({ trial.readings(in: $0) }) {
                switch reading {
                case .missing: outcome.missing += 1
                case .refused:
                    outcome.refused += 1
                    outcome.refusedText = outcome.refusedText ?? written
                case .text(let text): outcome.texts.append(text)
                case .number(let number):
                    outcome.numbers.append(number)
                    outcome.written.append(written)
                case .time(let time):
                    outcome.times.append((time, message.timestamp))
                    outcome.written.append(written)
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

    /// How times are written.
    struct TimeChoice {
        let notation: TimeNotation
        /// A value in two readings, where another notation reads all of them as well.
        let doubt: String?
    }

    /// Events before 1990, or far beyond today, are of another notation.
    private static func isPlausible(_ outcome: Outcome) -> Bool {
        let latest = Int64(Date().timeIntervalSince1970 * 1000) + 400 * EventTime.millisecondsPerDay
        let odd = outcome.times.count { $0.time < 631_152_000_000 || $0.time > latest }
        return outcome.isGood && odd * 20 <= outcome.times.count
    }

    /// The notation in which the times of a format's field read best; `nil` where none reads nearly all.
    func bestTime(_ format: EventFormat) -> TimeChoice? {
        var best: (notation: TimeNotation, outcome: Outcome)?
        var other: (notation: TimeNotation, outcome: Outcome)?
        if Self.isPlausible(outcome(of: .invoiceDate, in: format)) {
            return TimeChoice(notation: format.time, doubt: nil)
        }
        for text in Self.times {
            guard let notation = TimeNotation(text) else { continue }
            var trial = format
            trial.time = notation
            let outcome = outcome(of: .invoiceDate, in: trial)
            guard Self.isPlausible(outcome) else { continue }
            guard let known = best else {
                best = (notation, outcome)
                continue
            }
            let isSame = outcome.times.elementsEqual(known.outcome.times) { $0.time == $1.time }
            if isSame { continue }
            if Self.isMorePlausible(outcome, than: known.outcome) {
                (best, other) = ((notation, outcome), known)
            } else {
                other = other ?? (notation, outcome)
            }
        }
        return best.map { best in
            TimeChoice(
                notation: best.notation, doubt: other.flatMap { Self.doubt(best.outcome, $0.notation, $0.outcome) })
        }
    }

    /// A value that two notations read otherwise, in both readings.
    private static func doubt(_ outcome: Outcome, _ other: TimeNotation, _ otherwise: Outcome) -> String? {
        guard outcome.understood == otherwise.understood else { return nil }
        let index = outcome.times.indices.first { outcome.times[$0].time != otherwise.times[$0].time }
        return index.map { index in
            "\(outcome.written[index]) is read as \(EventTime.text(outcome.times[index].time)); as \(other.description) it would be "
                + EventTime.text(otherwise.times[index].time)
        }
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
