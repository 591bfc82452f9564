import CArithmetic
import Features

/// Trees laid out for `TreeExplainer`: first the splits that have a split below them, parents first, then the splits with two
/// leaves. Three loops process them without a branch on the tree's shape.
struct ExplainedTrees: Sendable {
    private(set) var trees: [ce_explained_tree] = []
    private(set) var splits: [ce_explained_split] = []
    private(set) var values: [Double] = []
    private(set) var bounds: [ce_explained_bounds] = []
    private(set) var factors: [Double] = []
    /// Doubles that one row's slots take in the largest tree.
    private(set) var room = 0
    /// Index in `factors` of the quadrature rule of each number of points.
    private var rules: [Int: UInt32] = [:]

    /// Most factors of all trees, 512 MiB; usual models have less than a hundredth of it.
    static let factorLimit = 1 << 26

    struct Refusal: Error { let what: String }

    /// A split while its tree is laid out.
    private struct Split {
        let node: TreeModel.Node
        /// Index of the parent among the tree's splits; −1 for the root.
        let parent: Int
        let isLeft: Bool
        /// Number of splits above.
        let level: Int
        /// Product of the shares above.
        let weight: Double
        /// Number of distinct features on the path, this split's included.
        var distinct = 0
        /// The splits above on the same feature, combined; `nil` if there are none.
        var above: Above?
        /// Each child's share of the cover.
        var shares = (left: 0.5, right: 0.5)
    }

    /// The splits of a path on one feature, combined.
    private struct Above {
        /// Product of their shares.
        var share = 1.0
        /// A present value stays on the path if low ≤ value < high; NaN is no upper bound.
        var low = -Float.infinity
        var high = Float.nan
        /// Whether a missing value stays on the path.
        var takesMissing = true

        func extended(by split: Split, isLeft: Bool) -> Above {
            let threshold = split.node.threshold
            var next = self
            next.share *= isLeft ? split.shares.left : split.shares.right
            next.takesMissing = takesMissing && split.node.missingGoesLeft == isLeft
            if isLeft {
                next.high = threshold < high || high.isNaN ? threshold : high
            } else {
                next.low = max(low, threshold)
            }
            return next
        }
    }

    /// Adds a tree.
    /// - Returns: its mean leaf value, weighted by cover.
    /// - Throws: `Refusal` if the tree has no covers or is too large.
    /// - Complexity: O(nodes × depth).
    mutating func append(_ tree: TreeModel.Tree) throws(Refusal) -> Double {
        guard !tree.nodes[0].isLeaf else { return Double(tree.nodes[0].threshold) }
        let (reached, expected) = try Self.splits(of: tree)
        func isTerminal(_ node: TreeModel.Node) -> Bool {
            tree.nodes[Int(node.left)].isLeaf && tree.nodes[Int(node.right)].isLeaf
        }
        // Splits with a split on the same feature above are grouped, within a level and among the terminal ones, so that
        // branches are predicted well.
        func isRepeated(_ index: Int) -> Int { reached[index].above == nil ? 0 : 1 }
        let inner = reached.indices.filter { !isTerminal(reached[$0].node) }
            .sorted { (reached[$0].level, isRepeated($0), $0) < (reached[$1].level, isRepeated($1), $1) }
        let terminal = reached.indices.filter { isTerminal(reached[$0].node) }
            .sorted { (isRepeated($0), $0) < (isRepeated($1), $1) }
        let points = ((reached.map(\.distinct).max() ?? 1) + 1) / 2
        let padded = (points + 3) / 4 * 4
        // A tree has one leaf more than splits.
        let most = 2 * reached.count * padded
        guard most <= TreeExplainer.roomLimit, factors.count + most <= Self.factorLimit else {
            throw Refusal(
                what:
                    "cannot be explained: \(reached.count + 1) leaves of a tree with up to \(2 * points) features on a "
                    + "path are too many for that")
        }

        var entry = ce_explained_tree()
        entry.first_split = UInt32(splits.count)
        entry.first_value = UInt32(values.count)
        entry.first_bounds = UInt32(bounds.count)
        entry.inner = UInt32(inner.count)
        entry.terminal = UInt32(terminal.count)
        entry.points = UInt32(points)
        entry.first_rule = rule(points)
        entry.first_factor = UInt32(factors.count)

        var slots = [Int: Int](minimumCapacity: reached.count)
        for (slot, index) in (inner + terminal).enumerated() {
            // Keyed by the parent and the side on which the split is its child.
            slots[2 * (reached[index].parent + 1) + (reached[index].isLeft ? 0 : 1)] = slot
        }
        for index in inner {
            let node = reached[index].node
            let children = [node.left, node.right].enumerated().map { side, child in
                if let slot = slots[2 * (index + 1) + side] { return slot }
                values.append(Double(tree.nodes[Int(child)].threshold))
                entry.leaves += 1
                return reached.count + Int(entry.leaves) - 1
            }
            append(reached[index], children, padded: padded, entry)
        }
        for index in terminal {
            let node = reached[index].node
            let place = values.count - Int(entry.first_value)
            values += [node.left, node.right].map { Double(tree.nodes[Int($0)].threshold) }
            append(reached[index], [place, place + 1], padded: padded, entry)
        }
        trees.append(entry)
        room = max(room, (reached.count + Int(entry.leaves)) * padded)
        return expected
    }

    /// The splits of a tree, parents first, and the mean leaf value.
    private static func splits(of tree: TreeModel.Tree) throws(Refusal) -> (splits: [Split], expected: Double) {
        var splits = [Split(node: tree.nodes[0], parent: -1, isLeft: true, level: 0, weight: 1)]
        var expected = 0.0
        var next = 0
        while next < splits.count {
            var split = splits[next]
            split.distinct = split.parent < 0 ? 0 : splits[split.parent].distinct
            split.above = above(split, splits)
            if split.above == nil { split.distinct += 1 }
            let children = (left: tree.nodes[Int(split.node.left)], right: tree.nodes[Int(split.node.right)])
            guard let left = children.left.cover.map({ Double($0) }),
                let right = children.right.cover.map({ Double($0) })
            else {
                throw Refusal(
                    what: "cannot be explained: its file does not say what its nodes weighed in training "
                        + "(XGBoost's sum_hessian, LightGBM's internal_count and leaf_count)")
            }
            if left + right > 0 { split.shares = (left / (left + right), right / (left + right)) }
            splits[next] = split
            for (child, share, isLeft) in [
                (children.left, split.shares.left, true), (children.right, split.shares.right, false),
            ] {
                if child.isLeaf {
                    expected += split.weight * share * Double(child.threshold)
                } else {
                    splits.append(
                        Split(
                            node: child, parent: next, isLeft: isLeft, level: split.level + 1,
                            weight: split.weight * share))
                }
            }
            next += 1
        }
        return (splits, expected)
    }

    /// The splits above on the same feature, combined: those above the nearest one, and that one.
    private static func above(_ split: Split, _ splits: [Split]) -> Above? {
        var (isLeft, at) = (split.isLeft, split.parent)
        while at >= 0 {
            if splits[at].node.feature == split.node.feature {
                return (splits[at].above ?? Above()).extended(by: splits[at], isLeft: isLeft)
            }
            (isLeft, at) = (splits[at].isLeft, splits[at].parent)
        }
        return nil
    }

    private mutating func append(_ split: Split, _ children: [Int], padded: Int, _ entry: ce_explained_tree) {
        let feature = UInt32(split.node.feature)
        let missingPlace = feature + UInt32(FeatureSchema.count)
        var link = split.node.missingGoesLeft ? feature : missingPlace
        if let above = split.above {
            // A missing value is NaN in one place of the row and infinite in the other.
            bounds.append(
                ce_explained_bounds(
                    low: above.low, high: above.high, low_place: above.takesMissing ? missingPlace : feature,
                    high_place: feature))
            link |= (UInt32(bounds.count) - entry.first_bounds) << 8
            let rest = factors[(Int(entry.first_rule) + padded)...].prefix(padded)
            let mixed = rest.map { above.share * $0 + (1 - $0) }
            factors += zip(rest, mixed).map { above.share * $0 / $1 }
            factors += mixed.map { above.share / ($0 * $0) }
        }
        splits.append(
            ce_explained_split(
                threshold: split.node.threshold, link: link, left: UInt32(children[0]), right: UInt32(children[1]),
                shares: (-split.shares.right, split.shares.left)))
    }

    /// The index in `factors` of the rule of a number of points, which is appended when first needed.
    private mutating func rule(_ points: Int) -> UInt32 {
        if let place = rules[points] { return place }
        let place = UInt32(factors.count)
        let quadrature = Quadrature(count: points)
        let padding = [Double](repeating: 0, count: (points + 3) / 4 * 4 - points)
        factors += quadrature.weights + padding
        factors += quadrature.points.map { 1 - $0 } + padding
        factors += [Double](repeating: 1, count: points) + padding
        rules[points] = place
        return place
    }
}
