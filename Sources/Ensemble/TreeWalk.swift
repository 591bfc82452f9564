import CArithmetic
import Features

/// Trees laid out flat for rows that come alone: siblings side by side, a leaf its own child, so that a walk has no
/// branch; several trees are walked at a time, so that as many chains of loads are in flight.
///
/// A row is walked as two: one whose missing values are NaN, which no threshold is reached by, and one where they lie above
/// every threshold; a node looks at the one that sends them its way.
struct TreeWalk: Sendable {
    /// Nodes that a link can tell apart.
    static let nodeLimit = 1 << 24

    private var nodes: [ce_walk_node] = []
    /// The value of each leaf, by its node; 0 elsewhere.
    private var values: [Float] = []
    private var roots: [UInt32] = []
    private var depths: [UInt8] = []

    /// - Precondition: fewer nodes than `nodeLimit`, no tree deeper than 255 levels; model files are held to both.
    /// - Complexity: O(nodes).
    init(_ model: TreeModel) {
        // A place takes 8 bits of a link.
        precondition(Self.rowCount <= 256)
        for tree in model.trees { append(tree) }
        precondition(nodes.count < Self.nodeLimit)
        let group = Int(ce_walk_trees)
        depths = stride(from: 0, to: model.trees.count, by: group).map { first in
            UInt8(model.trees[first...].prefix(group).map(\.depth).max() ?? 0)
        }
    }

    private mutating func append(_ tree: TreeModel.Tree) {
        let root = nodes.count
        roots.append(UInt32(root))
        append(tree.nodes[0])
        var open = [(source: 0, place: root)]
        var next = 0
        while next < open.count {
            let (source, place) = open[next]
            next += 1
            let node = tree.nodes[source]
            if node.isLeaf { continue }
            nodes[place].link = UInt32(nodes.count) << 8 | nodes[place].link & 255
            for child in [node.left, node.right] {
                open.append((Int(child), nodes.count))
                append(tree.nodes[Int(child)])
            }
        }
    }

    /// A node as its own child, which only a leaf stays.
    private mutating func append(_ node: TreeModel.Node) {
        let place = node.isLeaf ? 0 : Int(node.feature) + (node.missingGoesLeft ? 0 : FeatureSchema.count)
        nodes.append(
            ce_walk_node(
                threshold: node.isLeaf ? .nan : node.threshold, link: UInt32(nodes.count) << 8 | UInt32(place)))
        values.append(node.isLeaf ? node.threshold : 0)
    }

    /// Floats of a row as it is walked.
    static var rowCount: Int { 2 * FeatureSchema.count }

    /// Makes a row ready for walking.
    static func prepare(_ row: UnsafePointer<Float>, into twice: UnsafeMutablePointer<Float>) {
        for index in 0..<FeatureSchema.count {
            let value = row[index]
            twice[index] = value
            twice[index + FeatureSchema.count] = value.isNaN ? .infinity : value
        }
    }

    /// A prepared row's leaf values, added to `margin` in the order of the trees.
    /// - Complexity: O(trees × depth); nothing is allocated.
    func margin(_ row: UnsafePointer<Float>, from margin: Float) -> Float {
        ce_walk(row, nodes, values, roots, depths, roots.count, margin)
    }
}
