import CArithmetic
import Events
import Features
import Testing

@testable import Ensemble

@Suite struct TreeExplainerTests {
    /// SHAP values of some rows, explained together.
    func explain(_ models: [TreeModel], _ rows: [[Float]], level: Int32 = ce_best_level()) throws -> [[Double]] {
        let explainer = try TreeExplainer(models, level: level, path: "test")
        let workspace = TreeExplainer.Workspace(for: explainer)
        let width = FeatureSchema.count
        var contributions = [Double](repeating: 0, count: rows.count * width)
        contributions.withUnsafeMutableBufferPointer { out in
            explainer.add(
                rows.flatMap { $0 }, count: rows.count, weights: models.map { _ in 1 }, to: out.baseAddress!, workspace)
        }
        return rows.indices.map { Array(contributions[($0 * width)..<(($0 + 1) * width)]) }
    }

    func model(_ trees: [TreeModel.Tree]) -> TreeModel { TreeModel(trees: trees, baseMargin: 0.25) }

    func distance(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } }

    @Test(arguments: CompiledForestTests.levels) func equalsTheDefinitionByAllCoalitions(level: Int32) throws {
        for seed in UInt64(0)..<150 {
            var random = SplitMix64(seed: seed)
            let features = 1 + Int(random.next() % 7)
            let tree = CoveredTree.random(depth: Int(random.next() % 8), features: features, &random)
            let rows = (0..<9).map { _ in CoveredTree.row(features: features, &random) }
            let found = try explain([model([tree])], rows, level: level)
            for (row, values) in zip(rows, found) {
                let expected = CoveredTree.shapleyValues(tree, row)
                if distance(values, expected) > 1e-12 {
                    Issue.record("seed \(seed): \(distance(values, expected))")
                    return
                }
            }
        }
    }

    @Test func equalsTheDefinitionOnChainsOfManyFeatures() throws {
        for count in 9...13 {
            for seed in UInt64(0)..<4 {
                var random = SplitMix64(seed: seed)
                let tree = CoveredTree.chain(features: Array(0..<count) + [0, 3, 0, count - 1], &random)
                let rows = (0..<9).map { _ in CoveredTree.row(features: count, &random) }
                for (row, values) in zip(rows, try explain([model([tree])], rows)) {
                    #expect(distance(values, CoveredTree.shapleyValues(tree, row)) < 1e-12, "\(count), seed \(seed)")
                }
            }
        }
    }

    @Test func contributionsAddUpToTheMarginOfAnyTrees() throws {
        for seed in UInt64(0)..<40 {
            var random = SplitMix64(seed: seed)
            let features = [2, 5, 20, FeatureSchema.count][Int(seed % 4)]
            var trees = (0..<20).map { _ in
                CoveredTree.random(depth: Int(random.next() % 14), features: features, growth: 0.9, &random)
            }
            // The deepest that a file may have, over every feature of the schema and again.
            trees.append(CoveredTree.chain(features: (0..<255).map { $0 % FeatureSchema.count }, &random))
            let model = model(trees)
            let rows = (0..<20).map { _ in CoveredTree.row(features: features, &random) }
            let base = try TreeExplainer([model], path: "test").expected[0]
            for (row, values) in zip(rows, try explain([model], rows)) {
                let margin = trees.reduce(0.25) { $0 + Double($1.leafValue(row[...])) }
                let sum = values.reduce(base, +)
                #expect(abs(sum - margin) < 1e-11, "seed \(seed): \(sum - margin)")
            }
        }
    }

    @Test func theSameBitsInAnyCompanyAndOnEveryInstructionSet() throws {
        var random = SplitMix64(seed: 3)
        let shallow = (0..<30).map { CoveredTree.random(depth: $0 % 9, features: 91, growth: 0.95, &random) }
        // Of up to 5, 9 and 91 points.
        let deep = [10, 18, 255].map { CoveredTree.chain(features: (0..<$0).map { $0 % 91 }, &random) }
        let models = [model(shallow), model(deep)]
        let rows = (0..<150).map { _ in CoveredTree.row(features: 91, &random) }
        let alone = try rows.map { try explain(models, [$0])[0] }
        for level in CompiledForestTests.levels {
            for count in [1, 2, 3, 7, 8, 9, 63, 64, 65, 67, 150] {
                let together = try explain(models, Array(rows[..<count]), level: level)
                #expect(together == Array(alone[..<count]), "\(count) rows, level \(level)")
            }
        }
    }

    @Test func theRuleIsExactForPolynomials() {
        for count in 1...46 {
            let rule = Quadrature(count: count)
            #expect(rule.points.allSatisfy { $0 > 0 && $0 < 1 } && rule.points == rule.points.sorted())
            for degree in 0..<(2 * count) {
                let sum = zip(rule.points, rule.weights).reduce(0.0) { sum, point in
                    sum + point.1 * (0..<degree).reduce(1.0) { power, _ in power * point.0 }
                }
                #expect(abs(sum * Double(degree + 1) - 1) < 1e-12, "\(count) points, degree \(degree)")
            }
        }
    }

    @Test func saysWhyTreesCannotBeExplained() throws {
        var random = SplitMix64(seed: 2)
        let tree = CoveredTree.random(depth: 3, features: 4, growth: 1, &random)
        let bare = TreeModel.Tree(
            nodes: tree.nodes.map {
                .init(
                    feature: $0.feature, threshold: $0.threshold, left: $0.left, right: $0.right,
                    missingGoesLeft: $0.missingGoesLeft)
            })
        let error = #expect(throws: ArtifactError.self) { try TreeExplainer([model([tree, bare])], path: "m") }
        #expect(error?.reason.contains("sum_hessian") == true)
        let leaf = TreeModel.Tree(nodes: [bare.nodes.last!])
        #expect(try TreeExplainer([model([leaf])], path: "m").expected[0] == 0.25 + Double(leaf.nodes[0].threshold))
        // 91 distinct features on the path of each of very many leaves.
        var nodes = CoveredTree.chain(features: Array(0..<91), &random).nodes
        let shift = Int32(nodes.count - 1)
        nodes.removeLast()
        nodes += CoveredTree.random(depth: 16, features: 91, growth: 1, &random).nodes.map {
            .init(
                feature: $0.feature, threshold: $0.threshold, left: $0.left + shift, right: $0.right + shift,
                missingGoesLeft: $0.missingGoesLeft, cover: $0.cover)
        }
        let large = #expect(throws: ArtifactError.self) {
            try TreeExplainer([model([TreeModel.Tree(nodes: nodes)])], path: "m")
        }
        #expect(large?.reason.contains("too many") == true)
    }
}
