import CArithmetic
import Features

/// Trees laid out flat for single rows. Siblings are adjacent and a leaf is its own child, so that a walk has no branch.
/// Several trees are walked at a time, to keep several chains of loads in flight.
///
/// A value goes right if it is at or above the threshold. A row is prepared as two copies: in one, missing values are NaN,
/// which always goes left; in the other they are infinite, which always goes right. A node reads the copy that sends missing
/// values its way.
struct TreeWalk: Sendable {
    /// Nodes that a link's 24 bits can address.
    static let nodeLimit = 1 << 24

    private var nodes: [ce_walk_node] = []
    /// The value of each leaf, by its node; 0 elsewhere.
    private var values: [Float] = []
    private var roots: [UInt32] = []
    private var depths: [UInt8] = []

    /// - Precondition: fewer nodes than `nodeLimit` and no tree deeper than 255 levels, which reading a model file checks.
    /// - Complexity: O(nodes).
    init(_ model: TreeModel) {
        // A link has 8 bits for the place of a value in the prepared row.
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

    /// Appends a node as its own child; for a split, the caller then links the children.
    private mutating func append(_ node: TreeModel.Node) {
        let place = node.isLeaf ? 0 : Int(node.feature) + (node.missingGoesLeft ? 0 : FeatureSchema.count)
        nodes.append(
            ce_walk_node(
                threshold: node.isLeaf ? .nan : node.threshold, link: UInt32(nodes.count) << 8 | UInt32(place)))
        values.append(node.isLeaf ? node.threshold : 0)
    }

    /// Floats of a prepared row.
    static var rowCount: Int { 2 * FeatureSchema.count }

    /// Prepares a row: its values with NaN for missing ones, then its values with infinity for them.
    static func prepare(_ row: UnsafePointer<Float>, into twice: UnsafeMutablePointer<Float>) {
        for index in 0..<FeatureSchema.count {
            let value = row[index]
            twice[index] = value
            twice[index + FeatureSchema.count] = value.isNaN ? .infinity : value
        }
    }

    /// Adds a prepared row's leaf values to `margin`, in the order of the trees.
    /// - Complexity: O(trees × depth); nothing is allocated.
    func margin(_ row: UnsafePointer<Float>, from margin: Float) -> Float {
        ce_walk(row, nodes, values, roots, depths, roots.count, margin)
    }
}
