/// The sections on what was trained on, and with which settings.
extension HTMLReport {
    /// The history's volume and counts.
    var data: String? {
        let profile = outcome.profile
        guard !profile.eventsByDay.isEmpty else { return nil }
        let days = profile.eventsByDay
        let weeks = stride(from: 0, to: days.count, by: 7).map { ($0, days[$0..<min($0 + 7, days.count)].reduce(0, +)) }
        var volume = Plot(
            title: "Events a week", xLabel: "first day of the week", yLabel: "events", x: 0...Double(days.count),
            y: 0...Double(max(weeks.map(\.1).max() ?? 1, 1)) * 1.05)
        volume.bars = weeks.map { from, count in
            Plot.Bar(
                x: (Double(from), Double(min(from + 7, days.count))), height: Double(count),
                title: "week of \(dateText(day: profile.firstDay + from)): \(count)")
        }
        volume.xTicks = stride(from: 0, to: days.count, by: max(1, days.count / 5)).map {
            (Double($0), String(dateText(day: profile.firstDay + $0).dropFirst(2)))
        }
        let shares = [
            ("events", profile.events), ("of them purchase lines", profile.purchaseLines),
            ("cancellations", profile.cancellations), ("without a customer", profile.anonymousEvents),
            ("without a price", profile.unpricedLines), ("repeating another", profile.duplicates),
            ("late", profile.lateEvents), ("without a description", profile.withoutDescription),
            ("without a country", profile.withoutCountry),
        ].map { [$0.0, "\($0.1)", "\(fixed(profile.share($0.1) * 100, 2)) %"] }
        return HTML.section(
            "Data", HTML.grid([volume.svg(), HTML.table(["", "lines", "share"], shares)]))
    }

    /// The settings of the training.
    var settings: String? {
        HTML.section(
            "Settings",
            "<details><summary>What it was trained with</summary>"
                + HTML.table(
                    ["setting", "value"],
                    report.settings.record.sorted { $0.key < $1.key }.map {
                        [HTML.code($0.key), HTML.escaped($0.value)]
                    }, texts: 2) + "</details>")
    }
}
