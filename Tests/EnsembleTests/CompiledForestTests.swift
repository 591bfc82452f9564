import Events
import Features
import TestSupport
import Testing

@testable import Ensemble

@Suite struct CompiledForestTests {
    /// A random tree: uneven, with leaves at any depth down to `depth`.
    func tree(depth: Int, _ random: inout SplitMix64) -> TreeModel.Tree {
        var nodes: [TreeModel.Node] = []
        func grow(_ left: Int) -> Int32 {
            let index = nodes.count
            let value = Float((random.uniform() - 0.5) * 2)
            nodes.append(.init(feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false))
            guard left > 0, random.uniform() < 0.9 else { return Int32(index) }
            let feature = Int32(random.next() % UInt64(FeatureSchema.count))
            let threshold = Float(random.uniform() * 10)
            let missingGoesLeft = random.next() % 2 == 0
            let leftChild = grow(left - 1)
            let rightChild = grow(left - 1)
            nodes[index] = .init(
                feature: feature, threshold: threshold, left: leftChild, right: rightChild,
                missingGoesLeft: missingGoesLeft)
            return Int32(index)
        }
        _ = grow(depth)
        return TreeModel.Tree(nodes: nodes)
    }

    /// Rows of random values, and rows on, just below and just above every threshold, some values missing.
    func rows(for model: TreeModel, _ random: inout SplitMix64, plain: Int) -> FeatureMatrix {
        var matrix = FeatureMatrix()
        func value() -> Float { random.uniform() < 0.15 ? .nan : Float(random.uniform() * 10) }
        for _ in 0..<plain { matrix.append(row: (0..<FeatureSchema.count).map { _ in value() }[...]) }
        for node in model.trees.flatMap(\.nodes) where !node.isLeaf {
            for near in [node.threshold, node.threshold.nextDown, node.threshold.nextUp, .nan] {
                var row = (0..<FeatureSchema.count).map { _ in value() }
                row[Int(node.feature)] = near
                matrix.append(row: row[...])
            }
        }
        return matrix
    }

    func margins(_ forest: CompiledForest, _ matrix: FeatureMatrix) -> [Float] {
        var margins = [Float](repeating: 0, count: matrix.rowCount)
        matrix.values.withUnsafeBufferPointer {
            forest.margins(rows: $0.baseAddress!, rowCount: matrix.rowCount, into: &margins)
        }
        return margins
    }

    @Test func equalsTheWalkNodeByNodeBitForBit() {
        for seed in UInt64(0)..<60 {
            var random = SplitMix64(seed: seed)
            let trees = (0..<(1 + random.next() % 30)).map { _ in tree(depth: Int(random.next() % 9), &random) }
            let model = TreeModel(trees: trees, baseMargin: Float(random.uniform()))
            let matrix = rows(for: model, &random, plain: 1 + Int(random.next() % 200))
            let found = margins(CompiledForest(model), matrix)
            for row in 0..<matrix.rowCount where found[row] != model.margin(matrix[row]) {
                Issue.record("seed \(seed), row \(row): \(found[row]) is not \(model.margin(matrix[row]))")
                return
            }
        }
    }

    @Test func doesNotDependOnTheRowsBeside() {
        var random = SplitMix64(seed: 77)
        let model = TreeModel(trees: (0..<20).map { _ in tree(depth: 6, &random) }, baseMargin: 0)
        let forest = CompiledForest(model)
        let matrix = rows(for: model, &random, plain: 100)
        let together = margins(forest, matrix)
        for row in 0..<matrix.rowCount {
            var alone = FeatureMatrix()
            alone.append(row: matrix[row])
            #expect(margins(forest, alone) == [together[row]])
        }
    }

    @Test func equalsTheWalkOnTheCommittedArtifact() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        for model in [artifact.randomForest, artifact.xgboost] {
            var random = SplitMix64(seed: 5)
            let few = TreeModel(trees: Array(model.trees.prefix(8)), baseMargin: 0)
            let matrix = rows(for: few, &random, plain: 500)
            let found = margins(CompiledForest(model), matrix)
            for row in 0..<matrix.rowCount { #expect(found[row] == model.margin(matrix[row])) }
        }
    }
}
