import Ensemble
import Events
import Foundation
import Monitoring

/// The report as one page that needs nothing beside itself.
struct HTMLReport {
    private let report: Report
    private var outcome: RetrainJob.Outcome { report.outcome }
    private var serving: ModelName { report.settings.servingModel }

    init(_ report: Report) { self.report = report }

    func html() -> String {
        let sections = [
            champion, rules, figures, plots, slices, backtest, importance, data, settings,
        ].compactMap { $0 }
        let status =
            switch outcome.status {
            case .promoted, .alreadyInService, .wouldBePromoted: "good"
            case .refused, .badData: "bad"
            }
        let twin = report.twinNote.map { "<p>\(escaped($0))</p>" } ?? ""
        let note = outcome.championNote.map { "<p>\(escaped($0.prefix(1).uppercased() + $0.dropFirst())).</p>" } ?? ""
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(report.verdict))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header class="\(status)">
            <h1>\(escaped(report.verdict))</h1>
            \(twin)\(note)
            </header>
            <main>
            \(sections.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }

    private func section(_ title: String, _ body: String) -> String {
        "<section>\n<h2>\(escaped(title))</h2>\n\(body)\n</section>"
    }

    /// Cells are HTML.
    private func table(_ header: [String], _ rows: [[String]], texts: Int = 1) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>"
                + cells.enumerated().map {
                    $0.offset < texts ? "<\(tag)>\($0.element)</\(tag)>" : "<\(tag) class=\"n\">\($0.element)</\(tag)>"
                }
                .joined() + "</tr>"
        }
        return "<div class=\"scroll\"><table>\n<thead>\(row(header, "th"))</thead>\n<tbody>"
            + rows.map { row($0, "td") }.joined(separator: "\n") + "</tbody>\n</table></div>"
    }

    /// A name that may be broken at its underscores.
    private func code(_ name: String) -> String {
        "<code>\(escaped(name).replacingOccurrences(of: "_", with: "_<wbr>"))</code>"
    }

    private func interval(_ interval: Interval?) -> String {
        interval.map { "<small>\(fixed($0.low, 3))–\(fixed($0.high, 3))</small>" } ?? ""
    }

    private var champion: String? {
        guard let comparison = outcome.comparison else { return nil }
        let rows = Evaluation.Name.allCases.flatMap { name in
            [("ROC-AUC", comparison.rocAUC), ("log loss", comparison.logLoss), ("ECE", comparison.ece)].compactMap {
                figure, differences -> [String]? in
                guard let difference = differences[name] else { return nil }
                return [
                    "\(name.rawValue) \(figure)", fixed(difference.challenger, 4), fixed(difference.champion, 4),
                    Gate.signed(difference),
                ]
            }
        }
        return section(
            "Beside the champion \(comparison.champion)",
            table(["figure", "challenger", "champion", "difference (95 % interval, paired by customer)"], rows))
    }

    private var rules: String? {
        let verdicts = outcome.verdicts.map { verdict in
            [
                verdict.holds ? "<b class=\"good\">holds</b>" : "<b class=\"bad\">broken</b>",
                code(verdict.rule), escaped(verdict.text),
            ]
        }
        let findings = outcome.findings.map { finding in
            let mark = finding.severity == .pass ? "good" : finding.severity == .warning ? "warn" : "bad"
            return [
                "<b class=\"\(mark)\">\(finding.severity.rawValue)</b>", code(finding.check),
                escaped(finding.text),
            ]
        }
        let gate =
            verdicts.isEmpty ? "" : "<h3>Gate</h3>\n" + table(["", "rule", "found"], verdicts, texts: 3) + "\n"
        return section("Checks", gate + "<h3>Data</h3>\n" + table(["", "check", "found"], findings, texts: 3))
    }

    private var figures: String? {
        guard let evaluation = outcome.evaluation else { return nil }
        let tables = Evaluation.Name.allCases.compactMap { name -> String? in
            guard let models = evaluation.figures[name], let any = models.values.first else { return nil }
            let rows = evaluation.models.compactMap { model -> [String]? in
                guard let m = models[model] else { return nil }
                let i = evaluation.intervals[name]?[model]
                return [
                    (model == serving ? "<b>\(model.rawValue)</b> (served)" : model.rawValue),
                    "\(fixed(m.rocAUC, 4)) \(interval(i?.rocAUC))", "\(fixed(m.prAUC, 4)) \(interval(i?.prAUC))",
                    "\(fixed(m.logLoss, 4)) \(interval(i?.logLoss))", "\(fixed(m.brier, 4)) \(interval(i?.brier))",
                    fixed(m.ece, 4),
                    "\(fixed(m.liftTopDecile, 2)) \(interval(i?.liftTopDecile))",
                ]
            }
            return
                "<h3>\(name.rawValue), \(name.title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))</h3>\n"
                + table(["model", "ROC-AUC", "PR-AUC", "log loss", "Brier", "ECE", "lift"], rows)
        }
        return section("Figures on TEST", tables.joined(separator: "\n"))
    }

    private var plots: String? {
        guard let predictions = outcome.predictions else { return nil }
        let sets = Evaluation.Name.allCases.map { name in
            let indices = predictions.sets.indices[name]!.flatMap { $0 }
            return (
                name: name.rawValue,
                curves: Curves(
                    probabilities: predictions.probabilities(indices, serving),
                    labels: predictions.sets.labels(indices))
            )
        }
        func lines(_ points: (Curves) -> [(x: Double, y: Double)], dots: Bool = false) -> [Plot.Line] {
            sets.enumerated().map {
                Plot.Line(name: $1.name, points: points($1.curves), series: $0 + 1, hasDots: dots)
            }
        }
        let diagonal = Plot.Line(name: "", points: [(0, 0), (1, 1)], series: 4, isDashed: true)
        var roc = Plot(title: "ROC", xLabel: "false positive rate", yLabel: "true positive rate", x: 0...1, y: 0...1)
        roc.lines = [diagonal] + lines(\.roc)
        var recall = Plot(title: "Precision and recall", xLabel: "recall", yLabel: "precision", x: 0...1, y: 0...1)
        recall.lines = lines(\.precisionRecall)
        var calibration = Plot(
            title: "Calibration: below the diagonal it promises too much", xLabel: "mean probability",
            yLabel: "positive rate", x: 0...1, y: 0...1)
        calibration.lines = [diagonal] + lines(\.calibration, dots: true)
        let lifts = sets.map(\.curves.lift)
        var lift = Plot(
            title: "Lift by tenth, most probable first", xLabel: "tenth of the points",
            yLabel: "× the mean positive rate",
            x: 1...10, y: 0...(lifts.joined().max() ?? 1) * 1.05)
        lift.lines = zip(sets, lifts).enumerated().map { number, pair in
            Plot.Line(
                name: pair.0.name, points: pair.1.enumerated().map { (Double($0 + 1), $1) }, series: number + 1,
                hasDots: true)
        }
        lift.xTicks = (1...10).map { (Double($0), "\($0)") }
        let distributions = sets.map { distribution($0.name, $0.curves) }
        return section(
            "How \(serving.rawValue) ranks and promises",
            grid([roc.svg(), recall.svg(), calibration.svg(), lift.svg()] + distributions))
    }

    private func distribution(_ name: String, _ curves: Curves) -> String {
        let (others, positives) = (curves.distribution(of: false), curves.distribution(of: true))
        let top = zip(others, positives).map { max($0, $1) }.max() ?? 1
        var plot = Plot(
            title: "\(name): scores of those who did not buy and who did", xLabel: "probability",
            yLabel: "share of points",
            x: 0...1, y: 0...max(top * 1.05, 0.01))
        for bin in 0..<20 {
            let from = Double(bin) / 20
            for (series, values, offset) in [(4, others, 0.0), (1, positives, 0.025)] {
                plot.bars.append(
                    Plot.Bar(
                        x: (from + offset, from + offset + 0.025), height: values[bin],
                        title:
                            "\(fixed(from, 2)) to \(fixed(from + 0.05, 2)), \(series == 1 ? "bought" : "did not buy"): "
                            + "\(fixed(values[bin] * 100, 1)) % of all",
                        series: series))
            }
        }
        return plot.svg()
            .replacingOccurrences(
                of: "</figure>",
                with:
                    "<p class=\"legend\"><span><i class=\"k4\"></i>did not buy</span><span><i class=\"k1\"></i>bought</span></p></figure>"
            )
    }

    private var slices: String? {
        guard let evaluation = outcome.evaluation, !evaluation.slices.isEmpty else { return nil }
        let differences = outcome.comparison?.slices ?? []
        let rows = evaluation.slices.map { slice in
            let difference = differences.first { $0.group == slice.group && $0.name == slice.name }
            return [
                "\(escaped(slice.group)): \(escaped(slice.name))", "\(Int(slice.figures.n))",
                fixed(slice.figures.positiveRate, 3), "\(fixed(slice.figures.rocAUC, 4)) \(interval(slice.rocAUC))",
                fixed(slice.figures.logLoss, 4), fixed(slice.figures.ece, 4),
                difference.map { escaped(Gate.signed($0.rocAUC)) } ?? "",
            ]
        }
        return section(
            "Parts of E2",
            table(["part", "n", "positives", "ROC-AUC", "log loss", "ECE", "ROC-AUC against the champion"], rows))
    }

    private var backtest: String? {
        guard let backtest = outcome.backtest, !backtest.origins.isEmpty else { return nil }
        func plot(_ title: String, _ figure: (String) -> [(name: String, values: [Double])]) -> String {
            let series = figure(serving.rawValue)
            let values = series.flatMap(\.values)
            let (low, high) = (values.min() ?? 0, values.max() ?? 1)
            let margin = max((high - low) * 0.15, 0.005)
            var plot = Plot(
                title: title, xLabel: "split", yLabel: title, x: 0...Double(max(backtest.origins.count - 1, 1)),
                y: (low - margin)...(high + margin))
            plot.xTicks = backtest.origins.enumerated().map { (Double($0), String($1.split.prefix(10).dropFirst(2))) }
            plot.lines = series.enumerated().map { number, one in
                Plot.Line(
                    name: one.name, points: one.values.enumerated().map { (Double($0), $1) }, series: number + 1,
                    hasDots: true)
            }
            return plot.svg()
        }
        func values(_ figure: KeyPath<Metrics, Double>) -> (String) -> [(name: String, values: [Double])] {
            { model in
                Evaluation.Name.allCases.map { name in
                    (
                        name.rawValue,
                        backtest.origins.compactMap { $0.figures[name.rawValue]?[model]?[keyPath: figure] }
                    )
                }
            }
        }
        return section(
            "Backtest: trained anew at each split, judged by the \(report.settings.backtest.everyDays) days after it",
            grid([plot("ROC-AUC", values(\.rocAUC)), plot("Log loss", values(\.logLoss)), plot("ECE", values(\.ece))]))
    }

    private var importance: String? {
        guard let importance = outcome.importance else { return nil }
        let top = importance.features.prefix(20)
        let largest = max(top.first?.value ?? 1, 1e-12)
        let rows = top.map { feature in
            [
                code(feature.name),
                "<div class=\"bar\"><i style=\"width:\(fixed(feature.value / largest * 100, 1))%\"></i></div>",
                fixed(feature.value, 4),
            ]
        }
        return section(
            "What moves \(serving.rawValue)",
            "<p>Mean absolute SHAP value in log-odds, over points of E2.</p>\n"
                + table(["feature", "", "mean abs. SHAP"], rows, texts: 2))
    }

    private var data: String? {
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
                title: "week of \(date(profile.firstDay + from)): \(count)")
        }
        volume.xTicks = stride(from: 0, to: days.count, by: max(1, days.count / 5)).map {
            (Double($0), String(date(profile.firstDay + $0).dropFirst(2)))
        }
        let shares = [
            ("events", profile.events), ("of them purchase lines", profile.purchaseLines),
            ("cancellations", profile.cancellations), ("without a customer", profile.anonymousEvents),
            ("without a price", profile.unpricedLines), ("repeating another", profile.duplicates),
            ("late", profile.lateEvents), ("without a description", profile.withoutDescription),
            ("without a country", profile.withoutCountry),
        ].map { [$0.0, "\($0.1)", "\(fixed(profile.share($0.1) * 100, 2)) %"] }
        return section(
            "Data", grid([volume.svg(), table(["", "lines", "share"], shares)]))
    }

    private var settings: String? {
        section(
            "Settings",
            "<details><summary>What it was trained with</summary>"
                + table(
                    ["setting", "value"],
                    report.settings.record.sorted { $0.key < $1.key }.map {
                        [code($0.key), escaped($0.value)]
                    }, texts: 2) + "</details>")
    }

    private func grid(_ figures: [String]) -> String {
        "<div class=\"grid2\">\n\(figures.joined(separator: "\n"))\n</div>"
    }

    private func date(_ day: Int) -> String {
        String(EventTime.text(Int64(day) * EventTime.millisecondsPerDay).prefix(10))
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #fff; --edge: #dde2e9; --wash: #f5f7fa;
          --c1: #2166c4; --c2: #d1662a; --c3: #2d8a57; --c4: #9aa4b2; --good: #1f7a45; --bad: #b3261e; --warn: #8a5b00; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --paper: #12161c; --edge: #2c3440;
          --wash: #1a2029; --c1: #6ea8fe; --c2: #f0985e; --c3: #63c28d; --c4: #6b7686; --good: #63c28d; --bad: #ff8a80;
          --warn: #e5b567; } }
        * { box-sizing: border-box; }
        body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
        header, main { max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem; }
        header { border-left: 6px solid var(--good); margin-top: 1.25rem; background: var(--wash); }
        header.bad { border-color: var(--bad); }
        h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
        h3 { font-size: 1rem; margin: 1.25rem 0 .35rem; }
        header p { margin: .35rem 0 0; color: var(--soft); }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--edge); vertical-align: top; }
        th { color: var(--soft); font-weight: 600; } .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        small { color: var(--soft); } code { font-size: .85em; } b.good { color: var(--good); } b.bad { color: var(--bad); }
        b.warn { color: var(--warn); }
        .grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
        figure { margin: 0; border: 1px solid var(--edge); border-radius: 6px; padding: .6rem; min-width: 0; }
        figcaption { font-weight: 600; font-size: .9rem; } svg { width: 100%; height: auto; display: block; }
        .grid { stroke: var(--edge); stroke-width: 1; } .tick, .axis { fill: var(--soft); font-size: 11px; }
        polyline { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 4 4; stroke-width: 1; }
        .l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); } .l3 { stroke: var(--c3); } .l4 { stroke: var(--c4); }
        .s1 { fill: var(--c1); } .s2 { fill: var(--c2); } .s3 { fill: var(--c3); } .s4 { fill: var(--c4); }
        .legend { margin: .25rem 0 0; font-size: .8rem; color: var(--soft); } .legend span { margin-right: 1rem; }
        .legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; }
        .k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); } .k4 { background: var(--c4); }
        @media (max-width: 40rem) { .n { white-space: normal; } .bar { min-width: 4rem !important; } }
        .bar { min-width: 8rem; padding-top: .35rem; } .bar i { display: block; height: .7rem; background: var(--c1); border-radius: 2px; }
        """
}
