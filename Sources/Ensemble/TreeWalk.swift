import Features

/// Trees laid out flat for rows that come alone: siblings side by side, a leaf its own child, so that a walk has no
/// branch.
///
/// One node is 16 bytes:
///
///     0        4         8          12      16
///     | threshold | feature | first child | missing |
///
/// The next node is `first child + (value ≥ threshold | value is NaN & missing)`: the second child where that is 1. A
/// leaf's threshold is NaN, which nothing reaches, and its first child is itself. Eight trees are walked at a time, so
/// that eight independent chains of loads are in flight.
struct TreeWalk: Sendable {
    private struct Node: Sendable {
        var threshold: Float
        var feature: Int32
        var firstChild: Int32
        /// 1 where a missing value goes to the second child.
        var missing: Int32
    }

    private static let treesInFlight = 8

    private var nodes: [Node] = []
    /// The value of each leaf, by its node; 0 elsewhere.
    private var values: [Float] = []
    private var roots: [Int32] = []
    /// Steps that the deepest of each eight trees takes.
    private var depths: [Int] = []

    /// - Complexity: O(nodes).
    init(_ model: TreeModel) {
        for tree in model.trees { append(tree) }
        depths = stride(from: 0, to: model.trees.count, by: Self.treesInFlight).map { first in
            model.trees[first...].prefix(Self.treesInFlight).map(\.depth).max() ?? 0
        }
    }

    private mutating func append(_ tree: TreeModel.Tree) {
        let root = nodes.count
        roots.append(Int32(root))
        append(tree.nodes[0])
        var open = [(source: 0, place: root)]
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

    /// A row's leaf values, added to `margin` in the order of the trees.
    /// - Complexity: O(trees × depth); nothing is allocated.
    func margin(_ row: UnsafePointer<Float>, from margin: Float) -> Float {
        nodes.withUnsafeBufferPointer { nodes in
            values.withUnsafeBufferPointer { values in
                roots.withUnsafeBufferPointer { roots in
                    Self.walk(
                        row, margin, roots, depths, nodes.baseAddress.unsafelyUnwrapped,
                        values.baseAddress.unsafelyUnwrapped)
                }
            }
        }
    }

    private static func walk(
        _ row: UnsafePointer<Float>, _ start: Float, _ roots: UnsafeBufferPointer<Int32>, _ depths: [Int],
        _ nodes: UnsafePointer<Node>, _ values: UnsafePointer<Float>
    ) -> Float {
        var margin = start
        var tree = 0
        for depth in depths {
            if tree + treesInFlight <= roots.count {
                var (a, b, c, d) = (roots[tree], roots[tree + 1], roots[tree + 2], roots[tree + 3])
                var (e, f, g, h) = (roots[tree + 4], roots[tree + 5], roots[tree + 6], roots[tree + 7])
                for _ in 0..<depth {
                    a = step(a, row, nodes)
                    b = step(b, row, nodes)
                    c = step(c, row, nodes)
                    d = step(d, row, nodes)
                    e = step(e, row, nodes)
                    f = step(f, row, nodes)
                    g = step(g, row, nodes)
                    h = step(h, row, nodes)
                }
                margin += values[Int(a)]
                margin += values[Int(b)]
                margin += values[Int(c)]
                margin += values[Int(d)]
                margin += values[Int(e)]
                margin += values[Int(f)]
                margin += values[Int(g)]
                margin += values[Int(h)]
                tree += treesInFlight
            } else {
                for root in roots[tree...] {
                    var node = root
                    for _ in 0..<depth { node = step(node, row, nodes) }
                    margin += values[Int(node)]
                }
            }
        }
        return margin
    }

    @inline(__always)
    private static func step(_ index: Int32, _ row: UnsafePointer<Float>, _ nodes: UnsafePointer<Node>) -> Int32 {
        let node = nodes[Int(index)]
        let value = row[Int(node.feature)]
        let above: Int32 = value >= node.threshold ? 1 : 0
        let isMissing: Int32 = value.isNaN ? 1 : 0
        return node.firstChild &+ (above | (isMissing & node.missing))
    }
}
