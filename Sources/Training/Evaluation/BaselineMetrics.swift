import Ensemble
import Foundation
import Monitoring

/// Metrics of a baseline on the same examples, read from a JSON file, to compare ours with.
package struct BaselineMetrics: Decodable, Sendable {
    struct ModelMetrics: Decodable, Sendable {
        let rocAUC: Double?
        let prAUC: Double?
        let logLoss: Double?
        let ece: Double?

        enum CodingKeys: String, CodingKey {
            case rocAUC = "roc_auc"
            case prAUC = "pr_auc"
            case logLoss = "log_loss"
            case ece
        }
    }

    /// By evaluation and model.
    private let metrics: [String: [String: ModelMetrics]]

    /// Reads `{evaluation: {model: {roc_auc, pr_auc, log_loss, ece}}}`.
    package init(from decoder: any Decoder) throws {
        metrics = try decoder.singleValueContainer().decode([String: [String: ModelMetrics]].self)
    }

    /// - Throws: `TrainingError` when the file cannot be read or is something else.
    package init(path: String) throws(TrainingError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw TrainingError("\(path): cannot be read")
        }
        do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
            throw TrainingError(
                "\(path): holds no figures, which are {evaluation: {model: {roc_auc, pr_auc, log_loss, ece}}}: \(error)"
            )
        }
    }

    /// A table of our metrics, the baseline's, and their differences.
    package func table(beside evaluation: Evaluation) -> String {
        var lines = ["    model                 ROC-AUC               PR-AUC                log loss              ECE"]
        for name in Evaluation.Name.allCases {
            for model in evaluation.models {
                guard let ours = evaluation.metrics[name]?[model], let theirs = metrics[name.rawValue]?[model.rawValue]
                else { continue }
                let mark = model == evaluation.servingModel ? "*" : ""
                lines.append(
                    "\(name.rawValue)  " + (model.rawValue + mark).padding(toLength: 22, withPad: " ", startingAt: 0)
                        + [
                            (ours.rocAUC, theirs.rocAUC), (ours.prAUC, theirs.prAUC), (ours.logLoss, theirs.logLoss),
                            (ours.ece, theirs.ece),
                        ].map { cell($0.0, $0.1) }.joined())
            }
        }
        return lines.joined(separator: "\n") + "\n\nOurs / theirs, and the difference."
    }

    private func cell(_ ours: Double, _ theirs: Double?) -> String {
        let text = theirs.map { String(format: "%.3f / %.3f %+.3f", ours, $0, ours - $0) } ?? fixed(ours, 3)
        return text.padding(toLength: 22, withPad: " ", startingAt: 0)
    }
}
