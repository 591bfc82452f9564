import Ensemble
import Monitoring

/// The sections on the challenger's quality: against the champion, the rules, metrics, slices, importance.
extension HTMLReport {
    /// The challenger's metrics beside the champion's.
    var champion: String? {
        guard let comparison = outcome.comparison else { return nil }
        let rows = comparison.differences.map { evaluation, metric, difference in
            [
                "\(evaluation.rawValue) \(metric)", fixed(difference.challenger, 4), fixed(difference.champion, 4),
                QualityGate.signed(difference),
            ]
        }
        return HTML.section(
            "Beside the champion \(comparison.champion)",
            HTML.table(["figure", "challenger", "champion", "difference (95 % interval, paired by customer)"], rows))
    }

    /// The results of the quality gate and of the data checks.
    var rules: String? {
        let verdicts = outcome.verdicts.map { verdict in
            [
                verdict.holds ? "<b class=\"good\">holds</b>" : "<b class=\"bad\">broken</b>",
                HTML.code(verdict.rule), HTML.escaped(verdict.text),
            ]
        }
        let findings = outcome.findings.map { finding in
            let mark = finding.severity == .pass ? "good" : finding.severity == .warning ? "warn" : "bad"
            return [
                "<b class=\"\(mark)\">\(finding.severity.rawValue)</b>", HTML.code(finding.check),
                HTML.escaped(finding.text),
            ]
        }
        let gate =
            verdicts.isEmpty ? "" : "<h3>Gate</h3>\n" + HTML.table(["", "rule", "found"], verdicts, texts: 3) + "\n"
        return HTML.section(
            "Checks", gate + "<h3>Data</h3>\n" + HTML.table(["", "check", "found"], findings, texts: 3))
    }

    /// The metrics of every model, with intervals.
    var metrics: String? {
        guard let evaluation = outcome.evaluation else { return nil }
        let tables = Evaluation.Name.allCases.compactMap { name -> String? in
            guard let models = evaluation.metrics[name], let any = models.values.first else { return nil }
            let rows = evaluation.models.compactMap { model -> [String]? in
                guard let m = models[model] else { return nil }
                let i = evaluation.intervals[name]?[model]
                return [
                    (model == serving ? "<b>\(model.rawValue)</b> (served)" : model.rawValue),
                    "\(fixed(m.rocAUC, 4)) \(HTML.interval(i?.rocAUC))",
                    "\(fixed(m.prAUC, 4)) \(HTML.interval(i?.prAUC))",
                    "\(fixed(m.logLoss, 4)) \(HTML.interval(i?.logLoss))",
                    "\(fixed(m.brier, 4)) \(HTML.interval(i?.brier))",
                    fixed(m.ece, 4),
                    "\(fixed(m.liftTopDecile, 2)) \(HTML.interval(i?.liftTopDecile))",
                ]
            }
            return
                "<h3>\(name.rawValue), \(name.title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))</h3>\n"
                + HTML.table(["model", "ROC-AUC", "PR-AUC", "log loss", "Brier", "ECE", "lift"], rows)
        }
        return HTML.section("Figures on TEST", tables.joined(separator: "\n"))
    }

    /// The served model's metrics by slice.
    var slices: String? {
        guard let evaluation = outcome.evaluation, !evaluation.slices.isEmpty else { return nil }
        let differences = outcome.comparison?.slices ?? []
        let rows = evaluation.slices.map { slice in
            let difference = differences.first { $0.group == slice.group && $0.name == slice.name }
            return [
                "\(HTML.escaped(slice.group)): \(HTML.escaped(slice.name))", "\(Int(slice.metrics.n))",
                fixed(slice.metrics.positiveRate, 3),
                "\(fixed(slice.metrics.rocAUC, 4)) \(HTML.interval(slice.rocAUC))",
                fixed(slice.metrics.logLoss, 4), fixed(slice.metrics.ece, 4),
                difference.map { HTML.escaped(QualityGate.signed($0.rocAUC)) } ?? "",
            ]
        }
        return HTML.section(
            "Parts of E2",
            HTML.table(["part", "n", "positives", "ROC-AUC", "log loss", "ECE", "ROC-AUC against the champion"], rows))
    }

    /// The served model's most important features.
    var importance: String? {
        guard let importance = outcome.importance else { return nil }
        let top = importance.features.prefix(20)
        let largest = max(top.first?.value ?? 1, 1e-12)
        let rows = top.map { feature in
            [
                HTML.code(feature.name),
                "<div class=\"bar\"><i style=\"width:\(fixed(feature.value / largest * 100, 1))%\"></i></div>",
                fixed(feature.value, 4),
            ]
        }
        return HTML.section(
            "What moves \(serving.rawValue)",
            "<p>Mean absolute SHAP value in log-odds, over points of E2.</p>\n"
                + HTML.table(["feature", "", "mean abs. SHAP"], rows, texts: 2))
    }
}
