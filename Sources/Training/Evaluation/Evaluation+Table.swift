import Ensemble
import Foundation
import Monitoring

extension Evaluation {
    /// The metrics as a table for the terminal.
    package func table() -> String {
        var lines: [String] = []
        for name in Name.allCases {
            guard let models = metrics[name], let any = models.values.first else { continue }
            lines.append("\(name.rawValue), \(name.title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))")
            lines.append(
                "  model                 ROC-AUC   (95 % interval)  PR-AUC  log loss   Brier     ECE    lift      F1")
            for model in self.models {
                guard let m = models[model] else { continue }
                let mark = model == servingModel ? "*" : " "
                let label = (model.rawValue + mark).padding(toLength: 21, withPad: " ", startingAt: 0)
                let interval = intervals[name]?[model]?.rocAUC.map { "\(fixed($0.low, 4)) - \(fixed($0.high, 4))" }
                lines.append(
                    "  " + label + right(fixed(m.rocAUC, 4), 8) + right(interval ?? "", 18)
                        + zip([m.prAUC, m.logLoss, m.brier, m.ece, m.liftTopDecile, m.f1], [8, 10, 8, 8, 8, 8]).map {
                            right(fixed($0, 4), $1)
                        }.joined())
            }
            lines.append("")
        }
        lines.append(
            "* served. All figures are on TEST, which nothing was fitted or chosen on; intervals are by customer.")
        return lines.joined(separator: "\n")
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
