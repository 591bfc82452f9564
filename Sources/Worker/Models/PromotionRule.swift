import Ensemble
import Monitoring

/// Decides by the labels that have come whether another model is to be served, where the configuration leaves that to the worker.
///
/// A version with a role is promoted once its paired comparison with the one in service says that it is ahead. The former one then
/// challenges it: if that turns out to be ahead, or the scores drift beyond the limit, the promotion is rolled back. A version that
/// was rolled back is not promoted again by rule.
struct PromotionRule {
    /// What is to be done, and why.
    enum Decision: Equatable {
        case promote(version: String, reason: String)
        case rollBack(reason: String)
    }

    /// Begins the reason of a promotion by rule.
    static let mark = "ahead of "

    /// The version in service.
    let champion: String
    /// Largest population stability index of its scores, beside those of its training.
    let maxScoreDrift: Double

    /// - Parameters:
    ///   - comparisons: with the version in service.
    ///   - scoreDrift: the index at present; `nil` where it is not known.
    ///   - promotions: oldest first.
    ///   - rolledBack: versions that were rolled back.
    ///   - roles: which versions score beside the one in service.
    /// - Returns: `nil` where all is to stay as it is.
    func decide(
        _ comparisons: [PairedComparison], scoreDrift: Double?, _ promotions: [ArtifactStore.Promotion],
        rolledBack: Set<String>, _ roles: ModelRoles
    ) -> Decision? {
        let ahead = comparisons.filter {
            $0.champion == champion && $0.verdict == .ahead && roles.versions.contains($0.version)
        }
        if let last = promotions.last, last.version == champion, last.reason.hasPrefix(Self.mark) {
            let former = promotions.dropLast().last?.version
            if let comparison = ahead.first(where: { $0.version == former }) {
                return .rollBack(reason: Self.words(comparison))
            }
            if let scoreDrift, scoreDrift > maxScoreDrift {
                return .rollBack(
                    reason: "its scores drift by a stability index of \(Self.text(scoreDrift)) "
                        + "(promotion.max_score_drift: \(maxScoreDrift))")
            }
        }
        return ahead.filter { !rolledBack.contains($0.version) }
            .max { ($0.all.logLoss?.lower ?? 0) < ($1.all.logLoss?.lower ?? 0) }
            .map { .promote(version: $0.version, reason: Self.words($0)) }
    }

    private static func words(_ comparison: PairedComparison) -> String {
        let gain = comparison.all.logLoss.map { "\(text($0.lower)) to \(text($0.upper))" } ?? "?"
        return "\(mark)\(comparison.champion): log loss lower by \(gain), of \(comparison.all.customers) customers"
    }

    private static func text(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
}
