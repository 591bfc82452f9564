import Events
import TestSupport
import Testing

@testable import Ensemble

/// A model is proven before it serves: whatever the compiled form gets wrong at any split is found.
@Suite struct CompiledProofTests {
    @Test func theRepositorysModelIsProven() throws { try ModelArtifact(path: Checkout.models).prove() }

    /// One threshold off by one step of floats, one leaf by a thousandth, one missing value sent the other way.
    @Test(arguments: 0..<12) func oneStepOffIsFound(seed: UInt64) throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let rows = artifact.manifest.goldenRows.map { $0.features.map { $0.map { Float($0) } ?? .nan } }
        let whole = [artifact.randomForest, artifact.xgboost]
        var random = SplitMix64(seed: seed)
        let trees = whole.map { model in
            // A few trees, so that the test is quick.
            let start = Int(random.next() % UInt64(model.trees.count - 5))
            return TreeModel(trees: Array(model.trees[start..<start + 5]), baseMargin: model.baseMargin)
        }
        try CompiledForest(trees).prove(trees, rows: rows)
        let (changed, tree) = (Int(random.next() % 2), Int(random.next() % 5))
        let nodes = trees[changed].trees[tree].nodes
        let candidates = nodes.indices.filter { nodes[$0].isLeaf == (seed % 3 == 1) }
        let place = candidates[Int(random.next() % UInt64(candidates.count))]
        var altered = nodes
        let node = nodes[place]
        altered[place] = TreeModel.Node(
            feature: node.feature,
            threshold: [node.threshold.nextUp, node.threshold + 0.001, node.threshold][Int(seed % 3)], left: node.left,
            right: node.right, missingGoesLeft: node.missingGoesLeft != (seed % 3 == 2), cover: node.cover)
        var others = trees
        var copies = others[changed].trees
        copies[tree] = TreeModel.Tree(nodes: altered)
        others[changed] = TreeModel(trees: copies, baseMargin: others[changed].baseMargin)
        let wrong = CompiledForest(others)
        let error = #expect(throws: CompiledDifference.self) { try wrong.prove(trees, rows: rows) }
        #expect(error?.model == changed)
    }
}
