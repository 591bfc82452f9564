/// The rules that a challenger must pass to be promoted.
///
/// The challenger need not beat the champion. It must be shown not to be worse by more than a margin: the far end of the
/// paired 95 % interval must lie within it (a non-inferiority test).
package struct QualityGate: Equatable, Sendable {
    /// Smallest ROC-AUC in any evaluation.
    package var minROCAUC = 0.65
    /// Largest expected calibration error in any evaluation.
    package var maxECE = 0.15
    /// Largest loss of ROC-AUC against the champion in any evaluation.
    package var maxROCAUCLoss = 0.01
    /// Largest increase of the log loss, in nats, against the champion in any evaluation.
    package var maxLogLossIncrease = 0.02
    /// Largest loss of ROC-AUC against the champion in any slice. Slices are small, so a larger loss passes as long as its
    /// interval reaches 0.
    package var maxSliceROCAUCLoss = 0.05

    /// The defaults, as in `config/trainer.yaml`.
    package init() {}

    /// The result of one rule.
    package struct Verdict: Equatable, Sendable {
        /// Whether the rule passes.
        package let holds: Bool
        /// The rule's name, as in the configuration.
        package let rule: String
        /// What was found, and what is allowed.
        package let text: String
    }

    /// The result of every rule, in a fixed order.
    /// - Parameter comparison: `nil` without a champion; the rules against it are left out then.
    package func verdicts(_ evaluation: Evaluation, _ comparison: ChampionComparison?) -> [Verdict] {
        absoluteVerdicts(evaluation) + (comparison.map(relativeVerdicts) ?? [])
    }

    private func absoluteVerdicts(_ evaluation: Evaluation) -> [Verdict] {
        var verdicts: [Verdict] = []
        for name in Evaluation.Name.allCases {
            guard let served = evaluation.metrics[name]?[evaluation.servingModel] else {
                verdicts.append(
                    Verdict(
                        holds: false, rule: "min_roc_auc",
                        text: "\(name.rawValue) has no figures: there are no customers of both kinds to judge by"))
                continue
            }
            verdicts.append(
                Verdict(
                    holds: served.rocAUC >= minROCAUC, rule: "min_roc_auc",
                    text: "\(name.rawValue) ROC-AUC \(fixed(served.rocAUC, 4)), at least \(fixed(minROCAUC, 4))"))
            verdicts.append(
                Verdict(
                    holds: served.ece <= maxECE, rule: "max_ece",
                    text: "\(name.rawValue) ECE \(fixed(served.ece, 4)), at most \(fixed(maxECE, 4))"))
        }
        return verdicts
    }

    private func relativeVerdicts(_ comparison: ChampionComparison) -> [Verdict] {
        var verdicts: [Verdict] = []
        for name in Evaluation.Name.allCases {
            guard comparison.rocAUC[name] != nil, comparison.logLoss[name] != nil else {
                verdicts.append(
                    Verdict(
                        holds: false, rule: "max_roc_auc_loss",
                        text: "\(name.rawValue) cannot be compared with the champion: one of the two has no figures"))
                continue
            }
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
                    holds: slice.rocAUC.value >= -maxSliceROCAUCLoss
                        || slice.rocAUC.interval.map { $0.high >= 0 } ?? false,
                    rule: "max_slice_roc_auc_loss",
                    text: "\(slice.group) \(slice.name): ROC-AUC against the champion \(Self.signed(slice.rocAUC)), "
                        + "may lose \(fixed(maxSliceROCAUCLoss, 4)) beyond noise"))
        }
        return verdicts
    }

    /// A difference with its sign and its interval.
    static func signed(_ difference: ChampionComparison.Difference) -> String {
        func number(_ value: Double) -> String { (value < 0 ? "−" : "+") + fixed(abs(value), 4) }
        let interval = difference.interval.map { " (\(number($0.low)) to \(number($0.high)))" } ?? " (no interval)"
        return number(difference.value) + interval
    }
}
