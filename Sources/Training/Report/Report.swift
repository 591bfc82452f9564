import Ensemble
import Events
import Foundation

/// The report of a retrain job: `report.md`, short enough for a pull request's comment, and `report.html` with plots.
package struct Report {
    let outcome: RetrainJob.Outcome
    let settings: TrainingSettings

    /// - Parameter settings: those of the job.
    package init(_ outcome: RetrainJob.Outcome, settings: TrainingSettings) {
        self.outcome = outcome
        self.settings = settings
    }

    /// Creates the directory for a report, so that a path that cannot be written fails before the training.
    /// - Throws: `TrainingError` when it cannot be made.
    package static func prepare(_ directory: String) throws(TrainingError) {
        do { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) } catch {
            throw TrainingError("\(directory): cannot be made: \((error as NSError).localizedDescription)")
        }
    }

    /// Writes both files into a directory.
    /// - Throws: `HistoryError` when a file cannot be written.
    package func write(to directory: String) throws {
        for (name, text) in [("report.md", markdown() + "\n"), ("report.html", HTMLReport(self).html())] {
            let file = try OutputFile(path: "\(directory)/\(name)")
            try file.write(Array(text.utf8))
            try file.close()
        }
    }

    /// How the job ended, in one line.
    var verdict: String {
        let version = outcome.version ?? ""
        return switch outcome.status {
        case .promoted: "Promoted: \(version) is in service."
        case .alreadyInService: "Nothing new: \(version) is in service already."
        case .wouldBePromoted: "Passed: \(version) would be promoted; this was a dry run."
        case .refused:
            "Refused: \(version) is trained and not promoted; \(outcome.verdicts.count { !$0.holds }) of "
                + "\(outcome.verdicts.count) rules do not hold."
        case .badData:
            "Bad data: nothing was trained; \(outcome.findings.count { $0.severity == .error }) of "
                + "\(outcome.findings.count) checks failed."
        }
    }

    /// Says which model the metrics are of, where the served one was refitted.
    var holdoutNote: String? {
        outcome.isRefitted
            ? "What is served was fitted anew on all that is known; all figures here are of its twin, which has not seen TEST."
            : nil
    }

    /// The report as Markdown.
    package func markdown() -> String {
        var parts = ["## \(verdict)"]
        if let holdoutNote { parts.append(holdoutNote) }
        if let note = outcome.championNote { parts.append(note.prefix(1).uppercased() + note.dropFirst() + ".") }
        let broken = outcome.verdicts.filter { !$0.holds }
        if !broken.isEmpty {
            parts.append(broken.map { "- **\($0.rule)** does not hold: \($0.text)" }.joined(separator: "\n"))
        }
        let findings = outcome.findings.filter { $0.severity != .pass }
        let passed = outcome.findings.count - findings.count
        parts.append(
            "### Data\n\n"
                + findings.map { "- \($0.severity.rawValue), **\($0.check)**: \($0.text)\n" }.joined()
                + "- \(passed) of \(outcome.findings.count) checks pass")
        if let comparison = outcome.comparison {
            parts.append("### Beside the champion \(comparison.champion)\n\n\(table(comparison))")
        }
        if let evaluation = outcome.evaluation { parts.append("### Figures on TEST\n\n\(evaluation.markdown())") }
        if let backtest = outcome.backtest, !backtest.origins.isEmpty {
            parts.append("### Backtest, \(settings.servingModel.rawValue)\n\n\(table(backtest))")
        }
        for reason in outcome.backtest?.notEvaluated ?? [] { parts.append("Not in the backtest: \(reason).") }
        if let problem = outcome.pruneProblem { parts.append("Old artifacts stay: \(problem).") }
        if !outcome.pruned.isEmpty { parts.append("Removed: \(outcome.pruned.joined(separator: ", ")).") }
        return parts.joined(separator: "\n\n")
    }

    private func table(_ comparison: ChampionComparison) -> String {
        let rows = comparison.differences.map { evaluation, metric, difference in
            [
                evaluation.rawValue, metric, fixed(difference.challenger, 4), fixed(difference.champion, 4),
                QualityGate.signed(difference),
            ]
        }
        return markdownTable(["", "figure", "challenger", "champion", "difference (95 % interval, paired)"], rows)
    }

    private func table(_ backtest: Backtest) -> String {
        let rows = backtest.origins.map { origin in
            [String(origin.split.prefix(10))]
                + Evaluation.Name.allCases.flatMap { name -> [String] in
                    guard let m = origin.metrics[name.rawValue]?[settings.servingModel.rawValue] else {
                        return ["", ""]
                    }
                    return [fixed(m.rocAUC, 4), fixed(m.logLoss, 4)]
                }
        }
        let header =
            ["split"]
            + Evaluation.Name.allCases.flatMap { ["\($0.rawValue) ROC-AUC", "\($0.rawValue) log loss"] }
        return markdownTable(header, rows)
    }
}
