import Events
import Features
import Foundation

/// What was found about a topic or file, as one screen of text.
package struct InspectionReport {
    /// What was looked at, such as "topic orders, 6 partitions".
    private let source: String
    private let configured: Understanding
    private let proposed: Understanding
    private let proposal: FormatProposal
    /// Whether the messages have times and keys of their own.
    private let isTopic: Bool

    /// A report of a proposal beside what is configured.
    /// - Parameters:
    ///   - source: what was looked at.
    ///   - configured: what the configuration as it stands makes of the messages.
    ///   - proposed: what the proposal makes of them.
    ///   - isTopic: whether the messages are from a topic, with times and keys.
    package init(
        source: String, configured: Understanding, proposed: Understanding, proposal: FormatProposal, isTopic: Bool
    ) {
        self.source = source
        self.configured = configured
        self.proposed = proposed
        self.proposal = proposal
        self.isTopic = isTopic
    }

    private var unit: String { isTopic ? "messages" : "rows" }

    /// The report, without the configuration.
    package var text: String {
        var lines = Self.wrapped(source, indent: 0) + [""]
        lines += summary("As configured", configured, failures: configured.failed > proposed.failed ? 1 : 0)
        lines += summary("As proposed", proposed, failures: 4)
        lines += [""] + fieldTable + unused + [""] + stream
        let remarks = proposal.remarks
        if !remarks.isEmpty {
            lines += ["", "Make sure that"]
            for remark in remarks { lines += Self.wrapped("- " + remark, indent: 2) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func summary(_ name: String, _ understanding: Understanding, failures: Int) -> [String] {
        let margin = 15
        let title = name + String(repeating: " ", count: margin - name.count)
        if let obstacle = understanding.obstacle, understanding.messages == 0 {
            return Self.wrapped(title + "nothing can be read: \(obstacle)", indent: 0, hanging: margin)
        }
        var text = "\(understanding.understood) of \(understanding.messages) \(unit) are events"
        if understanding.events > understanding.understood { text += " (\(understanding.events) lines)" }
        if understanding.silent > 0 {
            text += "; \(understanding.silent) are skipped on purpose (tombstones, deletions, statuses to be ignored)"
        }
        if understanding.failed > 0 { text += "; \(understanding.failed) cannot be read as events" }
        if let obstacle = understanding.obstacle { text += "; the rest cannot be read: \(obstacle)" }
        return Self.wrapped(title + text, indent: 0, hanging: margin)
            + understanding.failures.prefix(failures).flatMap {
                Self.wrapped("\($0.count) × \($0.reason)", indent: margin)
            }
    }

    /// What else stands in the messages.
    private var unused: [String] {
        guard !proposal.unused.isEmpty else { return [] }
        let shown = proposal.unused.prefix(12).map { path, example in
            "\(path.prefix(40)) (\(example.prefix(20))\(example.count > 20 ? "…" : ""))"
        }
        let more = proposal.unused.count > shown.count ? " and \(proposal.unused.count - shown.count) more" : ""
        return Self.wrapped("not used      " + shown.joined(separator: ", ") + more, indent: 0, hanging: 14)
    }

    // MARK: Fields

    private var fieldTable: [String] {
        var rows = [["field", "stands in", "first value", "understood as"]]
        let format = proposal.format
        for field in EventField.allCases where field.isStandard || !format.fields[field].isEmpty {
            let path = format.fields[field]
            guard !path.isEmpty else {
                let isReplaced = field == .unitPrice && !format.fields[.lineTotal].isEmpty
                rows.append([field.name, isReplaced ? "(line_total instead)" : "—", "", ""])
                continue
            }
            let (written, reading) = firstReading(of: field)
            rows.append([field.name, path, written, reading])
        }
        let widths = (0..<3).map { column in min(34, rows.map { $0[column].count }.max() ?? 0) }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                let text = cell.count > width ? cell.prefix(width - 1) + "…" : cell[...]
                return text + String(repeating: " ", count: width - text.count)
            }
            return (cells.map(String.init) + [row[3]]).joined(separator: "  ").trimmingTrailingSpaces
        }
    }

    /// The first value of a field that is not missing.
    private func firstReading(of field: EventField) -> (written: String, reading: String) {
        let trial = FieldTrial(field, in: proposal.format)
        for message in proposal.messages {
            guard let value = message.value else { continue }
            for (written, reading) in value.withUnsafeBytes({ trial.readings(in: $0) }) where reading != .missing {
                return (written, Self.text(reading))
            }
        }
        return ("", "missing in every message")
    }

    private static func text(_ reading: FieldTrial.Reading) -> String {
        switch reading {
        case .text(let text): text
        case .time(let time): EventTime.text(time)
        case .number(let number) where number.magnitude > 1e15: "\(number)"
        case .number(let number): number == number.rounded() ? String(Int64(number)) : "\(number)"
        case .missing: ""
        case .refused(let reason): "no: \(reason)"
        }
    }

    // MARK: The stream

    private var stream: [String] {
        var lines: [String] = []
        if let span = proposed.span {
            let days = Double(span.upperBound - span.lowerBound) / Double(EventTime.millisecondsPerDay)
            lines.append(
                "Times       \(EventTime.text(span.lowerBound)) to \(EventTime.text(span.upperBound)): "
                    + (days < 2 ? "\(Int((days * 24).rounded())) hours" : "\(Int(days.rounded())) days"))
        }
        if let span = proposed.span {
            let days = Int((span.upperBound - span.lowerBound) / EventTime.millisecondsPerDay)
            if let horizon = Horizon.longest(forHistoryDays: days) {
                lines.append(
                    "Training    \(days) days are enough to learn whether customers buy again within up to \(horizon.days) days "
                        + "(horizon_days)")
            } else {
                lines.append(
                    "Training    a history of \(days) days is too short to train on: at least "
                        + "\(Horizon(days: 1).shortestHistoryDays) are needed for a horizon of a day, \(Horizon(days: 7).shortestHistoryDays) for "
                        + "a week, \(Horizon.standard.shortestHistoryDays) for \(Horizon.standard.days) days")
            }
        }
        if isTopic, !proposed.delays.isEmpty {
            let sorted = proposed.delays.sorted()
            lines.append(
                "Delay       messages are \(Self.duration(sorted[sorted.count / 2])) behind their events in the median, "
                    + "\(Self.duration(sorted[sorted.count * 99 / 100])) in 99 of 100")
        }
        if proposed.events > 0 {
            lines.append(
                "Order       \(Self.percent(proposed.late, of: proposed.events)) of the events are older than one before them"
                    + (isTopic ? " in their partition" : "")
                    + (proposed.late * 5 > proposed.events
                        ? ": unless that is expected, the time field or its notation is wrong, or the history is to be sorted by time"
                        : "")
            )
        }
        if let (id, share) = proposed.largestCustomer {
            var line = "Customers   \(proposed.customerCount); the largest, \(id.prefix(40)), has "
            line += String(format: "%.1f %% of the events", share * 100)
            if share >= 0.1, proposed.customerCount >= 20 {
                line += ": if this means nobody, add it to events.missing"
            }
            lines.append(line)
            if proposed.anonymous > 0 {
                lines.append(
                    "            \(Self.percent(proposed.anonymous, of: proposed.events)) of the events have no customer and are not scored"
                )
            }
            if proposed.cancellations > 0 {
                lines.append(
                    "Returns     \(Self.percent(proposed.cancellations, of: proposed.events)) of the events give something back"
                )
            }
        }
        return (isTopic ? lines + keys : lines).flatMap { Self.wrapped($0, indent: 0, hanging: 12) }
    }

    private var keys: [String] {
        let keys = proposed.keys
        var parts: [String] = []
        if keys.customers > 0 { parts.append("\(keys.customers) messages have their customer as the key") }
        if keys.keyless > 0 {
            parts.append("\(keys.keyless) have none: the producer must send the customer as the key")
        }
        if keys.foreign > 0 {
            parts.append(
                "\(keys.foreign) are keyed by something else, such as \(keys.example): a customer's state is kept by partition, so that "
                    + "all messages of a customer must be in one")
        }
        if let partitioner = keys.partitioner { parts.append("distributed \(partitioner.rawValue)") }
        if proposed.splitCustomers > 0 {
            parts.append(
                "\(proposed.splitCustomers) customers have messages in two partitions, each of which knows a part of them"
            )
        }
        guard let first = parts.first else { return [] }
        return ["Keys        " + ([first] + parts.dropFirst()).joined(separator: "; ")]
    }

    private static func percent(_ part: Int, of whole: Int) -> String {
        String(format: "%.1f %%", Double(part) * 100 / Double(max(1, whole)))
    }

    private static func duration(_ milliseconds: Int64) -> String {
        let seconds = Double(milliseconds) / 1000
        switch seconds.magnitude {
        case ..<1: return "\(milliseconds) ms"
        case ..<120: return String(format: "%.0f s", seconds)
        case ..<7200: return String(format: "%.0f min", seconds / 60)
        case ..<172_800: return String(format: "%.0f h", seconds / 3600)
        default: return String(format: "%.0f days", seconds / 86_400)
        }
    }

    /// A text in lines of at most 110 characters.
    private static func wrapped(_ text: String, indent: Int, hanging: Int? = nil) -> [String] {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        let next = String(repeating: " ", count: hanging ?? indent + 2)
        var isFirst = true
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if line.count + word.count > 110, !isFirst {
                lines.append(line)
                (line, isFirst) = (next, true)
            }
            line += (isFirst ? "" : " ") + word
            isFirst = false
        }
        return lines + [line]
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
