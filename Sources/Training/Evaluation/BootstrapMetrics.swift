/// The metrics of one bootstrap replicate, in which a customer's examples count as often as the customer was drawn.
struct BootstrapMetrics: Equatable, Sendable {
    var rocAUC = 0.0
    var prAUC = 0.0
    var logLoss = 0.0
    var brier = 0.0
    var ece = 0.0
    var liftTopDecile = 0.0

    private static let all: [WritableKeyPath<BootstrapMetrics, Double> & Sendable] = [
        \.rocAUC, \.prAUC, \.logLoss, \.brier, \.ece, \.liftTopDecile,
    ]

    /// Where a replicate has one label only, nothing is defined.
    static let undefined = BootstrapMetrics(
        rocAUC: .nan, prAUC: .nan, logLoss: .nan, brier: .nan, ece: .nan, liftTopDecile: .nan)

    /// Each metric's mean over several sets.
    static func mean(_ sets: [BootstrapMetrics]) -> BootstrapMetrics {
        var mean = BootstrapMetrics()
        for metric in all {
            mean[keyPath: metric] = sets.reduce(0) { $0 + $1[keyPath: metric] } / Double(sets.count)
        }
        return mean
    }
}
