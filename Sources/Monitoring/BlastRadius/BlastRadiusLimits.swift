import Scoring

/// How much another model may change and still be served without a person's consent.
package struct BlastRadiusLimits: Sendable, Equatable {
    /// Largest population stability index of the served probability.
    package var stabilityIndex = 0.5
    /// Largest share of predictions whose priority changes, 0...1.
    package var flippedShare = 0.25
    /// Largest change of the number of predictions of a priority, as a share of what it was.
    package var volumeChange = 0.5

    /// A priority of fewer predictions than this share of all counts as one of so many.
    private static let smallestVolume = 0.02

    /// The standard limits.
    package init() {}

    /// What is beyond the limits, in words; nothing where all is within them.
    package func exceeded(by radius: BlastRadius) -> [String] {
        let figures = radius.all
        var reasons: [String] = []
        if figures.stabilityIndex > stabilityIndex {
            reasons.append(
                "scores shift by a stability index of \(Self.text(figures.stabilityIndex)) (blast_radius.max_score_shift: "
                    + "\(stabilityIndex))")
        }
        if figures.flippedShare > flippedShare {
            reasons.append(
                "\(Self.percent(figures.flippedShare)) of priorities change (blast_radius.max_flips: \(flippedShare))")
        }
        for (place, priority) in Priority.allCases.enumerated() {
            let change = Self.volumeChange(figures, place)
            if abs(change) > volumeChange {
                reasons.append(
                    "predictions of priority \(priority.rawValue) \(change < 0 ? "fall" : "rise") by "
                        + "\(Self.percent(abs(change))) (blast_radius.max_volume_change: \(volumeChange))")
            }
        }
        return reasons
    }

    /// By how much the number of predictions of a priority changes, as a share of what it was.
    /// - Parameter priority: its place in `Priority.allCases`.
    package static func volumeChange(_ figures: BlastRadius.Figures, _ priority: Int) -> Double {
        let (before, after) = (Double(figures.before(priority)), Double(figures.after(priority)))
        let base = max(before, smallestVolume * Double(figures.rows))
        return base == 0 ? 0 : (after - before) / base
    }

    private static func percent(_ share: Double) -> String { "\(text(share * 100)) %" }

    private static func text(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
}
