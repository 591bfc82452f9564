import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import Ensemble

@Suite struct XGBoostModelFileTests {
    func committed() throws -> [UInt8] {
        let directory = try ModelArtifact(path: Checkout.models).directory
        return Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/xgboost.ubj")))
    }

    @Test func survivesTruncationAndMutation() throws {
        let bytes = try committed()
        var random = SplitMix64(seed: 2)
        for _ in 0..<300 {
            let cut = Array(bytes[..<Int(random.next() % UInt64(bytes.count))])
            #expect(throws: ArtifactError.self) { try XGBoostModelFile.parse(cut, path: "cut") }
        }
        let row = [Float](repeating: 1, count: 200)[...]
        var explained = 0
        for _ in 0..<300 {
            var mutated = bytes
            for _ in 0..<4 {
                mutated[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            // Whatever is read must be safe to walk.
            if let model = try? XGBoostModelFile.parse(mutated, path: "mutated") {
                _ = CompiledForest([model])
                _ = model.margin(row)
                // And to explain.
                if let explainer = try? TreeExplainer([model], path: "mutated") {
                    var contributions = [Double](repeating: 0, count: FeatureSchema.count)
                    contributions.withUnsafeMutableBufferPointer { out in
                        explainer.add(
                            Array(row), count: 1, weights: [1], to: out.baseAddress!,
                            TreeExplainer.Workspace(for: explainer))
                    }
                    explained += contributions.contains { $0 != 0 } ? 1 : 0
                }
            }
        }
        #expect(explained > 0)
    }
}
