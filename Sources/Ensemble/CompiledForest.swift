import Features

/// Trees laid out flat for serving: siblings side by side, a leaf its own child, so that a walk has no branch.
///
/// One node is 16 bytes:
///
///     0        4         8          12      16
///     | threshold | feature | first child | missing |
///
/// The next node is `first child + (value ≥ threshold | value is NaN & missing)`: the second child where that is 1. A
/// leaf's threshold is NaN, which nothing reaches, and its first child is itself. Eight rows walk one tree at a time,
/// so that eight independent chains of loads are in flight; each tree stays in the first-level cache for a block of
/// rows.
public struct CompiledForest: Sendable {
    private struct Node: Sendable {
        var threshold: Float
        var feature: Int32
        var firstChild: Int32
        /// 1 where a missing value goes to the second child.
        var missing: Int32
    }

    private struct Tree: Sendable {
        let root: Int32
        let depth: Int32
    }

    private static let rowsInFlight = 8
    private static let blockRows = 64

    private var nodes: [Node] = []
    /// The value of each leaf, by its node; 0 elsewhere.
    private var values: [Float] = []
    private var trees: [Tree] = []
    private let baseMargin: Float

    /// - Complexity: O(nodes).
    public init(_ model: TreeModel) {
        baseMargin = model.baseMargin
        for tree in model.trees { append(tree) }
    }

    private mutating func append(_ tree: TreeModel.Tree) {
        let root = Int32(nodes.count)
        trees.append(Tree(root: root, depth: Int32(tree.depth)))
        append(tree.nodes[0])
        var open = [(source: 0, place: Int(root))]
        var next = 0
        while next < open.count {
            let (source, place) = open[next]
            next += 1
            let node = tree.nodes[source]
            if node.isLeaf { continue }
            nodes[place].firstChild = Int32(nodes.count)
            for child in [node.left, node.right] {
                open.append((Int(child), nodes.count))
                append(tree.nodes[Int(child)])
            }
        }
    }

    /// A node as its own child, which only a leaf stays.
    private mutating func append(_ node: TreeModel.Node) {
        let own = Int32(nodes.count)
        nodes.append(
            Node(
                threshold: node.isLeaf ? .nan : node.threshold, feature: max(node.feature, 0), firstChild: own,
                missing: node.isLeaf || node.missingGoesLeft ? 0 : 1))
        values.append(node.isLeaf ? node.threshold : 0)
    }

    /// Log-odds of `rowCount` rows of `FeatureSchema.count` floats each, into `margins`.
    /// - Complexity: O(rows × trees × depth); nothing is allocated.
    public func margins(
        rows: UnsafePointer<Float>, rowCount: Int, into margins: UnsafeMutablePointer<Float>
    ) {
        nodes.withUnsafeBufferPointer { nodes in
            values.withUnsafeBufferPointer { values in
                var first = 0
                while first < rowCount {
                    let count = min(Self.blockRows, rowCount - first)
                    block(
                        rows: rows + first * FeatureSchema.count, count: count, into: margins + first,
                        nodes: nodes.baseAddress.unsafelyUnwrapped, values: values.baseAddress.unsafelyUnwrapped)
                    first += count
                }
            }
        }
    }

    private func block(
        rows: UnsafePointer<Float>, count: Int, into margins: UnsafeMutablePointer<Float>,
        nodes: UnsafePointer<Node>, values: UnsafePointer<Float>
    ) {
        let stride = FeatureSchema.count
        for row in 0..<count { margins[row] = baseMargin }
        for tree in trees {
            var row = 0
            while row + Self.rowsInFlight <= count {
                let r = rows + row * stride
                var (a, b, c, d) = (tree.root, tree.root, tree.root, tree.root)
                var (e, f, g, h) = (a, b, c, d)
                for _ in 0..<tree.depth {
                    a = step(a, r, nodes)
                    b = step(b, r + stride, nodes)
                    c = step(c, r + 2 * stride, nodes)
                    d = step(d, r + 3 * stride, nodes)
                    e = step(e, r + 4 * stride, nodes)
                    f = step(f, r + 5 * stride, nodes)
                    g = step(g, r + 6 * stride, nodes)
                    h = step(h, r + 7 * stride, nodes)
                }
                margins[row] += values[Int(a)]
                margins[row + 1] += values[Int(b)]
                margins[row + 2] += values[Int(c)]
                margins[row + 3] += values[Int(d)]
                margins[row + 4] += values[Int(e)]
                margins[row + 5] += values[Int(f)]
                margins[row + 6] += values[Int(g)]
                margins[row + 7] += values[Int(h)]
                row += Self.rowsInFlight
            }
            while row < count {
                var node = tree.root
                for _ in 0..<tree.depth { node = step(node, rows + row * stride, nodes) }
                margins[row] += values[Int(node)]
                row += 1
            }
        }
    }

    @inline(__always)
    private func step(_ index: Int32, _ row: UnsafePointer<Float>, _ nodes: UnsafePointer<Node>) -> Int32 {
        let node = nodes[Int(index)]
        let value = row[Int(node.feature)]
        let above: Int32 = value >= node.threshold ? 1 : 0
        let isMissing: Int32 = value.isNaN ? 1 : 0
        return node.firstChild &+ (above | (isMissing & node.missing))
    }
}
