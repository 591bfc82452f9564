import Ensemble

/// The report as one HTML page without external resources.
struct HTMLReport {
    let report: Report
    var outcome: RetrainJob.Outcome { report.outcome }
    var serving: ModelName { report.settings.servingModel }

    init(_ report: Report) { self.report = report }

    /// The page; sections without content are left out.
    func html() -> String {
        let sections = [
            champion, rules, metrics, plots, slices, backtest, importance, data, settings,
        ].compactMap { $0 }
        let status =
            switch outcome.status {
            case .promoted, .alreadyInService, .wouldBePromoted: "good"
            case .refused, .badData: "bad"
            }
        let holdout = report.holdoutNote.map { "<p>\(HTML.escaped($0))</p>" } ?? ""
        let note =
            outcome.championNote.map { "<p>\(HTML.escaped($0.prefix(1).uppercased() + $0.dropFirst())).</p>" } ?? ""
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(HTML.escaped(report.verdict))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header class="\(status)">
            <h1>\(HTML.escaped(report.verdict))</h1>
            \(holdout)\(note)
            </header>
            <main>
            \(sections.joined(separator: "\n"))
            </main>
            </body>
            </html>

            """
    }
}
