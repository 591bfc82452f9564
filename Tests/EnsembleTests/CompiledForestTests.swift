import CArithmetic
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

    /// The instruction sets that this machine has.
    static let levels = Array(ce_portable.rawValue...UInt32(ce_best_level())).map(Int32.init)

    @Test(arguments: levels) func equalsTheTreesNodeByNodeBitForBit(level: Int32) {
        for seed in UInt64(0)..<60 {
            var random = SplitMix64(seed: seed)
            let deepest = 1 + random.next() % 9
            let models = (0..<2).map { _ in
                TreeModel(
                    trees: (0..<(1 + random.next() % 30)).map { _ in
                        tree(depth: Int(random.next() % deepest), &random)
                    }, baseMargin: Float(random.uniform()))
            }
            let matrix = rows(for: models[0], &random, plain: 1 + Int(random.next() % 200))
            let found = CompiledForest(models, level: level).margins(matrix)
            for row in 0..<matrix.rowCount {
                for model in 0..<2 where found[model][row] != models[model].margin(matrix[row]) {
                    Issue.record("seed \(seed), row \(row): \(found[model][row])")
                    return
                }
            }
        }
    }

    /// A tree grown leaf by leaf: as deep as it happens, `bias` of the splits at the latest leaf.
    func tree(leaves: Int, bias: Double, _ random: inout SplitMix64) -> TreeModel.Tree {
        func leaf(_ value: Float) -> TreeModel.Node {
            .init(feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false)
        }
        // The second node is reached from nowhere, as files allow.
        var nodes = [leaf(Float(random.uniform())), leaf(77)]
        var open = [0]
        while open.count < leaves {
            let turn = random.uniform() < bias ? open.count - 1 : Int(random.next() % UInt64(open.count))
            let index = open.remove(at: turn)
            let children = [Int32(nodes.count), Int32(nodes.count + 1)]
            nodes[index] = .init(
                feature: Int32(random.next() % UInt64(FeatureSchema.count)), threshold: Float(random.uniform() * 10),
                left: children[0], right: children[1], missingGoesLeft: random.next() % 2 == 0)
            for child in children {
                nodes.append(leaf(Float(random.uniform() - 0.5)))
                open.append(Int(child))
            }
        }
        return TreeModel.Tree(nodes: nodes)
    }

    /// Leaves around the numbers where the kernels change their ways; the largest are walked.
    @Test(arguments: levels, [15, 17, 33, 65, 129, 255, 256, 257]) func takesTreesAsDeepAsTheyCome(
        level: Int32, leaves: Int
    ) {
        var random = SplitMix64(seed: UInt64(leaves))
        // A chain is the deepest of all, and 255 levels the most that a model file may have.
        let trees = [0, 0.5, 0.97, leaves <= 256 ? 1 : 0.9].map { tree(leaves: leaves, bias: $0, &random) }
        #expect(leaves > 256 || trees.contains { $0.depth == leaves - 1 })
        let model = TreeModel(trees: trees, baseMargin: 0.25)
        let matrix = rows(for: model, &random, plain: 500)
        let forest = CompiledForest([model], level: level)
        #expect(forest.takesAsBlock(CompiledForest.blockRows) == (leaves <= 256))
        let found = forest.margins(matrix)[0]
        for row in 0..<matrix.rowCount where found[row] != model.margin(matrix[row]) {
            Issue.record("row \(row): \(found[row])")
            return
        }
    }

    /// Few thresholds are compared with all rows at once, more are looked up for each row.
    @Test(arguments: levels, [1, 63, 64, 65, 255, 256, 600]) func ranksAmongAnyNumberOfThresholds(
        level: Int32, count: Int
    ) {
        var random = SplitMix64(seed: UInt64(count))
        func leaf(_ value: Float) -> TreeModel.Node {
            .init(feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false)
        }
        let model = TreeModel(
            trees: (0..<count).map { index in
                let root = TreeModel.Node(
                    feature: 5, threshold: Float(index) / 16, left: 1, right: 2, missingGoesLeft: count % 2 == 0)
                return TreeModel.Tree(nodes: [root, leaf(0), leaf(Float(1 + index))])
            }, baseMargin: 0)
        let matrix = rows(for: model, &random, plain: 100)
        let found = CompiledForest([model], level: level).margins(matrix)[0]
        for row in 0..<matrix.rowCount { #expect(found[row] == model.margin(matrix[row])) }
    }

    @Test(arguments: levels) func tellsMoreThresholdsApartThanAByteHasValues(level: Int32) {
        var random = SplitMix64(seed: 11)
        func leaf(_ value: Float) -> TreeModel.Node {
            .init(feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false)
        }
        let stumps = (0..<1500).map { index -> TreeModel.Tree in
            let root = TreeModel.Node(
                feature: 3, threshold: Float(index % 700) / 70, left: 1, right: 2, missingGoesLeft: index % 3 == 0)
            return TreeModel.Tree(nodes: [root, leaf(-0.25), leaf(Float(index))])
        }
        let model = TreeModel(trees: stumps, baseMargin: 0)
        var matrix = rows(for: model, &random, plain: 100)
        for value: Float in [.infinity, -.infinity, 0, -0.0] {
            matrix.append(row: [Float](repeating: value, count: FeatureSchema.count)[...])
        }
        let found = CompiledForest([model], level: level).margins(matrix)[0]
        for row in 0..<matrix.rowCount { #expect(found[row] == model.margin(matrix[row])) }
    }

    @Test func doesNotDependOnTheRowsBeside() {
        var random = SplitMix64(seed: 77)
        let model = TreeModel(trees: (0..<20).map { _ in tree(depth: 6, &random) }, baseMargin: 0)
        let forest = CompiledForest([model])
        let matrix = rows(for: model, &random, plain: 100)
        let together = forest.margins(matrix)[0]
        for row in 0..<matrix.rowCount {
            var alone = FeatureMatrix()
            alone.append(row: matrix[row])
            #expect(forest.margins(alone) == [[together[row]]])
        }
    }

    /// Everything that the ensemble computes in blocks, against the plain definitions.
    @Test(arguments: levels) func theEnsembleEqualsItsDefinitionOnTheCommittedArtifact(level: Int32) throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        var random = SplitMix64(seed: 9)
        let few = TreeModel(trees: Array(artifact.xgboost.trees.prefix(20)), baseMargin: 0)
        var matrix = rows(for: few, &random, plain: 300)
        // Of every size of float, and such as overflow nothing.
        for _ in 0..<500 {
            let row = (0..<FeatureSchema.count).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            }
            matrix.append(row: row[...])
        }
        for value: Float in [.infinity, -.infinity, .greatestFiniteMagnitude, .nan, 0, -0.0] {
            matrix.append(row: [Float](repeating: value, count: FeatureSchema.count)[...])
        }
        let logistic = artifact.ensemble.logisticRegression
        for scale in [1.0, 40, 4000] {
            var weights: Ensemble.Weights = [:]
            for model in ModelName.allCases {
                weights[model] = LogOddsWeights(
                    intercept: random.uniform() - 0.5, logisticRegression: (random.uniform() - 0.5) * scale,
                    randomForest: (random.uniform() - 0.5) * scale, xgboost: (random.uniform() - 0.5) * scale)
            }
            let ensemble = Ensemble(
                logisticRegression: logistic,
                forest: CompiledForest([artifact.randomForest, artifact.xgboost], level: level), weights: weights)
            var scores: [Scores] = []
            var workspace = Ensemble.Workspace(for: ensemble)
            ensemble.score(matrix, into: &scores, workspace: &workspace)
            var alone: [Scores] = []
            for row in 0..<matrix.rowCount {
                var single = FeatureMatrix()
                single.append(row: matrix[row])
                ensemble.score(single, into: &alone, workspace: &workspace)
                let members = (
                    matrix[row].withUnsafeBufferPointer { logistic.margin($0.baseAddress!) },
                    Double(artifact.randomForest.margin(matrix[row])), Double(artifact.xgboost.margin(matrix[row]))
                )
                for model in ModelName.allCases {
                    let expected = weights[model]!.probability(members.0, members.1, members.2)
                    #expect(scores[row][model].bitPattern == expected.bitPattern, "row \(row), \(model)")
                    #expect(alone[0][model].bitPattern == expected.bitPattern, "row \(row) alone, \(model)")
                }
            }
        }
    }

    @Test func equalsTheTreesOnTheCommittedArtifact() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        for model in [artifact.randomForest, artifact.xgboost] {
            var random = SplitMix64(seed: 5)
            let few = TreeModel(trees: Array(model.trees.prefix(8)), baseMargin: 0)
            let matrix = rows(for: few, &random, plain: 500)
            let found = CompiledForest([model]).margins(matrix)[0]
            for row in 0..<matrix.rowCount { #expect(found[row] == model.margin(matrix[row])) }
        }
    }
}
