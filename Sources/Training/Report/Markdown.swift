/// A Markdown table; cells are Markdown.
func markdownTable(_ header: [String], _ rows: [[String]]) -> String {
    let lines =
        ["| " + header.joined(separator: " | ") + " |", "|" + header.map { _ in "---|" }.joined()]
        + rows.map { "| " + $0.joined(separator: " | ") + " |" }
    return lines.joined(separator: "\n")
}

extension Evaluation {
    /// The metrics of every model, one table an evaluation, with intervals of ROC-AUC and log loss.
    func markdown() -> String {
        Name.allCases.compactMap { name -> String? in
            guard let models = metrics[name], let any = models.values.first else { return nil }
            let rows = self.models.compactMap { model -> [String]? in
                guard let m = models[model] else { return nil }
                let intervals = intervals[name]?[model]
                return [
                    model == servingModel ? "**\(model.rawValue)**" : model.rawValue,
                    "\(fixed(m.rocAUC, 4))\(text(intervals?.rocAUC))", fixed(m.prAUC, 4),
                    "\(fixed(m.logLoss, 4))\(text(intervals?.logLoss))", fixed(m.brier, 4), fixed(m.ece, 4),
                    fixed(m.liftTopDecile, 2),
                ]
            }
            return "**\(name.rawValue)**, \(name.title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))\n\n"
                + markdownTable(["model", "ROC-AUC", "PR-AUC", "log loss", "Brier", "ECE", "lift"], rows)
        }.joined(separator: "\n\n")
    }

    private func text(_ interval: Interval?) -> String {
        interval.map { " (\(fixed($0.low, 3)) to \(fixed($0.high, 3)))" } ?? ""
    }
}
