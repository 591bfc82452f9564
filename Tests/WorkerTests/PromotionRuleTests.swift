import Events
import Foundation
import Logging
import Scoring
import TestSupport
import Testing

@testable import Ensemble
@testable import Monitoring
@testable import Worker

/// Promotion by rule, and its guard.
@Suite struct PromotionRuleTests {
    /// Made of predictions of which one model knows more than the other.
    private static func comparison(
        _ version: String, beside champion: String, advantage: Double
    ) -> PairedComparison {
        var random = SplitMix64(seed: 3)
        let pairs = (0..<3000).map { customer in
            let label = random.uniform() < 0.5
            let hint = (label ? 1.0 : -1.0) * advantage
            return PairedComparison.Pair(
                before: 0.5 + (random.uniform() - 0.5) * 0.2,
                after: min(max(0.5 + hint + (random.uniform() - 0.5) * 0.2, 0.01), 0.99), isBought: label,
                customerHash: UInt64(customer), slices: 0)
        }
        return PairedComparison(version: version, champion: champion, pairs)
    }

    private static func promotion(_ version: String, _ reason: String) -> ArtifactStore.Promotion {
        ArtifactStore.Promotion(time: "2026-01-01T00:00:00Z", version: version, reason: reason)
    }

    @Test func whoIsAheadIsPromotedOnce() throws {
        let rule = PromotionRule(champion: "a", maxScoreDrift: 0.5)
        let better = Self.comparison("b", beside: "a", advantage: 0.2)
        let worse = Self.comparison("c", beside: "a", advantage: -0.2)
        #expect(better.verdict == .ahead && worse.verdict == .behind)
        let roles = ModelRoles(challengers: ["b", "c"])
        let log = [Self.promotion("a", "by hand")]
        guard
            case .promote("b", let reason) = rule.decide(
                [worse, better], scoreDrift: nil, log, rolledBack: [], roles)
        else {
            Issue.record("the better one is not promoted")
            return
        }
        #expect(reason.hasPrefix("ahead of a: log loss lower by"))
        // Not without a role, not again once it was rolled back, not the worse one, and not by another model's figures.
        #expect(rule.decide([better], scoreDrift: nil, log, rolledBack: [], ModelRoles()) == nil)
        #expect(rule.decide([better], scoreDrift: nil, log, rolledBack: ["b"], roles) == nil)
        #expect(rule.decide([worse], scoreDrift: 9, log, rolledBack: [], roles) == nil)
        #expect(
            PromotionRule(champion: "z", maxScoreDrift: 0.5).decide(
                [better], scoreDrift: nil, log, rolledBack: [], roles)
                == nil)
    }

    @Test func aPromotionByRuleIsRolledBackWhenItWasWrong() {
        let rule = PromotionRule(champion: "b", maxScoreDrift: 0.5)
        let log = [Self.promotion("a", "by hand"), Self.promotion("b", "ahead of a: ...")]
        let former = Self.comparison("a", beside: "b", advantage: 0.2)
        let roles = ModelRoles(challengers: ["a"])
        guard case .rollBack = rule.decide([former], scoreDrift: 0.1, log, rolledBack: [], roles) else {
            Issue.record("the former model is ahead, and the promotion stays")
            return
        }
        guard case .rollBack(let reason) = rule.decide([], scoreDrift: 0.6, log, rolledBack: [], roles) else {
            Issue.record("scores drift, and the promotion stays")
            return
        }
        #expect(reason.contains("promotion.max_score_drift"))
        #expect(rule.decide([], scoreDrift: 0.4, log, rolledBack: [], roles) == nil)
        // What a person has promoted is a person's to roll back.
        let byHand = [Self.promotion("a", "by hand"), Self.promotion("b", "by hand")]
        #expect(rule.decide([], scoreDrift: 9, byHand, rolledBack: [], roles) == nil)
    }

    /// In a worker: the better one is promoted, the former one challenges it, and when that is ahead it is served again.
    @Test(.waiting) func aWorkerPromotesByRule() async throws {
        let rig = try WorkerRig(partitions: 1)
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        try OtherModel.add(to: models, version: "better", serving: .stacking, isCurrent: false)
        let store = ArtifactStore(directory: models)
        try store.promote(first, reason: "by hand")
        try store.assign(ModelRoles(challengers: ["better"]))
        rig.settings.models = models
        rig.settings.reloadMilliseconds = 0
        let settings = rig.settings
        let worker = try Worker(
            settings: settings, artifact: ModelLoader(settings: settings).artifact(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "its partition") { worker.status.isReady }
        worker.models.decide(
            ([Self.comparison("better", beside: first, advantage: 0.2)], nil), isStopped: { false })
        try wait(for: "the better one") { worker.status.model.version == "better" }
        #expect(try store.roles() == ModelRoles(challengers: [first]))
        #expect(store.promotions.last?.reason.hasPrefix("ahead of \(first)") == true)
        worker.models.decide(
            ([Self.comparison(first, beside: "better", advantage: 0.2)], nil), isStopped: { false })
        try wait(for: "the former one") { worker.status.model.version == first }
        #expect(store.rolledBack == ["better"] && store.promotions.last?.reason == "rollback")
        worker.requestStop()
        try await running.value
    }
}
