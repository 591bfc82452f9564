import Events
import Features

@testable import Ensemble

/// Random trees with covers, and the definition of their SHAP values, word for word.
enum CoveredTree {
    /// - Parameters:
    ///   - features: how many of the schema's the tree may ask for; few make them come again on a path.
    ///   - growth: chance that a node is split.
    static func random(
        depth: Int, features: Int, growth: Double = 0.85, _ random: inout SplitMix64
    ) -> TreeModel.Tree {
        var nodes: [TreeModel.Node] = []
        func grow(_ left: Int, _ cover: Float) -> Int32 {
            let index = nodes.count
            let value = Float(random.uniform() - 0.5) * 2
            nodes.append(
                .init(feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false, cover: cover))
            guard left > 0, random.uniform() < growth else { return Int32(index) }
            let feature = Int32(random.next() % UInt64(features))
            let threshold = Float((random.uniform() * 8).rounded())
            let missingGoesLeft = random.next() % 2 == 0
            // Some children have no cover, and some nodes only such.
            let share = random.next() % 10 == 0 ? 0 : random.next() % 10 == 1 ? 1 : random.uniform()
            let leftChild = grow(left - 1, cover * Float(share))
            let rightChild = grow(left - 1, cover * Float(1 - share))
            nodes[index] = .init(
                feature: feature, threshold: threshold, left: leftChild, right: rightChild,
                missingGoesLeft: missingGoesLeft, cover: cover)
            return Int32(index)
        }
        _ = grow(depth, 100)
        return TreeModel.Tree(nodes: nodes)
    }

    /// A chain: every split has a leaf on one side, and asks for a feature of its own, or for one again.
    static func chain(features: [Int], _ random: inout SplitMix64) -> TreeModel.Tree {
        var nodes: [TreeModel.Node] = []
        for (level, feature) in features.enumerated() {
            let next = Int32(nodes.count + 2)
            let isLeft = random.next() % 2 == 0
            nodes.append(
                .init(
                    feature: Int32(feature), threshold: Float((random.uniform() * 8).rounded()),
                    left: isLeft ? next : next - 1, right: isLeft ? next - 1 : next,
                    missingGoesLeft: random.next() % 2 == 0, cover: Float(2 * (features.count - level) + 1)))
            nodes.append(
                .init(
                    feature: -1, threshold: Float(random.uniform()), left: -1, right: -1, missingGoesLeft: false,
                    cover: 2))
        }
        nodes.append(
            .init(feature: -1, threshold: 3, left: -1, right: -1, missingGoesLeft: false, cover: 1))
        return TreeModel.Tree(nodes: nodes)
    }

    static func row(features: Int, _ random: inout SplitMix64) -> [Float] {
        (0..<FeatureSchema.count).map { feature in
            // Whole numbers, so that values lie on thresholds.
            random.uniform() < 0.2 ? .nan : Float((random.uniform() * 8).rounded())
        }
    }

    /// Mean leaf value where the features of a coalition are known.
    static func expectation(
        _ tree: TreeModel.Tree, _ row: [Float], at index: Int32 = 0, knows: (Int32) -> Bool
    ) -> Double {
        let node = tree.nodes[Int(index)]
        if node.isLeaf { return Double(node.threshold) }
        func below(_ child: Int32) -> Double { expectation(tree, row, at: child, knows: knows) }
        if knows(node.feature) {
            let value = row[Int(node.feature)]
            return below((value.isNaN ? node.missingGoesLeft : value < node.threshold) ? node.left : node.right)
        }
        let (left, right) = (Double(tree.nodes[Int(node.left)].cover!), Double(tree.nodes[Int(node.right)].cover!))
        let share = left + right > 0 ? left / (left + right) : 0.5
        return share * below(node.left) + (1 - share) * below(node.right)
    }

    /// SHAP values by all coalitions of the tree's features.
    /// - Complexity: O(2^features × nodes).
    static func shapleyValues(_ tree: TreeModel.Tree, _ row: [Float]) -> [Double] {
        let features = Set(tree.nodes.filter { !$0.isLeaf }.map(\.feature)).sorted()
        let m = features.count
        let worth = (0..<(1 << m)).map { coalition in
            expectation(tree, row) { feature in
                coalition >> features.firstIndex(of: feature)! & 1 == 1
            }
        }
        func factorial(_ n: Int) -> Double { n < 2 ? 1 : Double(n) * factorial(n - 1) }
        var values = [Double](repeating: 0, count: FeatureSchema.count)
        for (place, feature) in features.enumerated() {
            for coalition in worth.indices where coalition >> place & 1 == 0 {
                let size = coalition.nonzeroBitCount
                values[Int(feature)] +=
                    factorial(size) * factorial(m - size - 1) / factorial(m)
                    * (worth[coalition | 1 << place] - worth[coalition])
            }
        }
        return values
    }
}
