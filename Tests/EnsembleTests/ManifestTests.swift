import Features
import Foundation
import Testing

@testable import Ensemble

@Suite struct ManifestTests {
    /// Artifacts that were written before the members had their present names must stay readable.
    @Test func keepsTheNamesOfItsMembersInFiles() throws {
        var manifest = Manifest(
            version: "v", schema: FeatureSchema(.standard), timeToLiveDays: 730, servingModel: .blending,
            weights: [.stacking: LogOddsWeights(intercept: 1)],
            countries: ["France"],
            history: Manifest.History(
                sha256: "s", events: 3, anonymousEvents: 1, customers: 2, firstEvent: "a", lastEvent: "b"),
            seed: 4, trainedUntil: "t", trainingExamples: 5, settings: [:], madeWith: [:], goldenRows: [], files: [:],
            models: [.xgboost],
            origin: Manifest.Origin(format: .lightGBM, version: "v4", sha256: "o", baseMargin: nil))
        manifest.holdoutModel = Manifest.HoldoutModel(weights: [:], trainedUntil: "u", trainingExamples: 6)
        let bytes = try JSONEncoder().encode(manifest)
        let members = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        #expect(
            members.keys.sorted() == [
                "countries", "evaluatedTwin", "features", "files", "format", "goldenRows", "history", "horizonDays",
                "madeWith", "models", "origin", "schemaFingerprint", "seed", "servingModel", "settings",
                "timeToLiveDays", "trainedUntil", "trainingPoints", "version", "weights", "windowsDays",
            ])
        let holdout = try #require(members["evaluatedTwin"] as? [String: Any])
        #expect(holdout.keys.sorted() == ["trainedUntil", "trainingPoints", "weights"])
        #expect(members["trainingPoints"] as? Int == 5 && holdout["trainingPoints"] as? Int == 6)
        #expect(try JSONDecoder().decode(Manifest.self, from: bytes) == manifest)
    }
}
