import Foundation

/// What a challenger must fulfil to be served.
///
/// Against the champion it need not be better; it must be shown not to be worse by more than a margin: the far end of
/// the paired 95 % interval must lie within it (a non-inferiority test).
package struct Gate: Equatable, Sendable {
    /// In every evaluation.
    package var minROCAUC = 0.65
    package var maxECE = 0.15
    /// Against the champion, in every evaluation.
    package var maxROCAUCLoss = 0.01
    package var maxLogLossIncrease = 0.02
    /// Against the champion, in every slice: by the figure, if the interval lies below nothing. Slices are small.
    package var maxSliceROCAUCLoss = 0.05

    package init() {}

    package struct Verdict: Equatable, Sendable {
        package let holds: Bool
        /// The rule's name, as in the configuration.
        package let rule: String
        package let text: String
    }

    /// Every rule with what came of it, in a fixed order.
    package func verdicts(_ evaluation: Evaluation, _ comparison: Comparison?) -> [Verdict] {
        var verdicts: [Verdict] = []
        for name in Evaluation.Name.allCases {
            guard let served = evaluation.figures[name]?[evaluation.servingModel] else { continue }
            verdicts.append(
                Verdict(
                    holds: served.rocAUC >= minROCAUC, rule: "min_roc_auc",
                    text: "\(name.rawValue) ROC-AUC \(fixed(served.rocAUC, 4)), at least \(fixed(minROCAUC, 4))"))
            verdicts.append(
                Verdict(
                    holds: served.ece <= maxECE, rule: "max_ece",
                    text: "\(name.rawValue) ECE \(fixed(served.ece, 4)), at most \(fixed(maxECE, 4))"))
        }
        guard let comparison else { return verdicts }
        for name in Evaluation.Name.allCases {
            if let difference = comparison.rocAUC[name] {
                verdicts.append(
                    Verdict(
                        holds: difference.interval.map { $0.low >= -maxROCAUCLoss } ?? false, rule: "max_roc_auc_loss",
                        text: "\(name.rawValue) ROC-AUC against the champion \(Self.signed(difference)), "
                            + "may lose \(fixed(maxROCAUCLoss, 4))"))
            }
            if let difference = comparison.logLoss[name] {
                verdicts.append(
                    Verdict(
                        holds: difference.interval.map { $0.high <= maxLogLossIncrease } ?? false,
                        rule: "max_log_loss_increase",
                        text: "\(name.rawValue) log loss against the champion \(Self.signed(difference)), "
                            + "may grow by \(fixed(maxLogLossIncrease, 4))"))
            }
        }
        for slice in comparison.slices {
            verdicts.append(
                Verdict(
                    holds: slice.rocAUC.value >= -maxSliceROCAUCLoss || (slice.rocAUC.interval?.high ?? 0) >= 0,
                    rule: "max_slice_roc_auc_loss",
                    text: "\(slice.group) \(slice.name): ROC-AUC against the champion \(Self.signed(slice.rocAUC)), "
                        + "may lose \(fixed(maxSliceROCAUCLoss, 4)) beyond noise"))
        }
        return verdicts
    }

    static func signed(_ difference: Comparison.Difference) -> String {
        func number(_ value: Double) -> String { (value < 0 ? "−" : "+") + fixed(abs(value), 4) }
        let interval = difference.interval.map { " (\(number($0.low)) to \(number($0.high)))" } ?? " (no interval)"
        return number(difference.value) + interval
    }
}
