import Features

/// A sum of regression trees that gives log-odds, in readable form; `CompiledForest` is the form that serves.
///
/// Log-odds of a row are the base margin plus the trees' leaf values, added in tree order in 32-bit floats as libxgboost does.
package struct TreeModel: Equatable, Sendable {
    /// A split or a leaf.
    package struct Node: Equatable, Sendable {
        /// Index of the split's feature in the schema; −1 in a leaf.
        package let feature: Int32
        /// A value below the threshold goes left, any other right. In a leaf, the leaf's value.
        package let threshold: Float
        /// Index of the left child; −1 in a leaf.
        package let left: Int32
        /// Index of the right child; −1 in a leaf.
        package let right: Int32
        /// Whether a missing value (NaN) goes left.
        package let missingGoesLeft: Bool
        /// The node's cover, its training weight: XGBoost's sum of hessians, LightGBM's number of rows. Not negative; `nil`
        /// where the model's file has none. Explanations depend on it, scores do not.
        package let cover: Float?

        init(
            feature: Int32, threshold: Float, left: Int32, right: Int32, missingGoesLeft: Bool, cover: Float? = nil
        ) {
            self.feature = feature
            self.threshold = threshold
            self.left = left
            self.right = right
            self.missingGoesLeft = missingGoesLeft
            self.cover = cover
        }

        /// Whether it has no children.
        package var isLeaf: Bool { feature < 0 }
    }

    /// One regression tree.
    package struct Tree: Equatable, Sendable {
        /// The root is the first; children follow by index.
        package let nodes: [Node]

        init(nodes: [Node]) { self.nodes = nodes }

        /// A tree from a file's nodes; `nil` unless they form one.
        init?(unchecked nodes: [Node]) {
            guard !nodes.isEmpty else { return nil }
            var parents = [Int](repeating: 0, count: nodes.count)
            for node in nodes where !node.isLeaf {
                for child in [node.left, node.right] {
                    guard nodes.indices.contains(Int(child)) else { return nil }
                    parents[Int(child)] += 1
                }
            }
            // Every node but the root has at most one parent, and the root none.
            guard parents[0] == 0, parents.allSatisfy({ $0 <= 1 }) else { return nil }
            self.nodes = nodes
        }

        /// Steps from the root to the deepest leaf.
        var depth: Int {
            var deepest = 0
            var open = [(index: 0, depth: 0)]
            while let (index, depth) = open.popLast() {
                let node = nodes[index]
                if node.isLeaf {
                    deepest = max(deepest, depth)
                } else {
                    open.append((Int(node.left), depth + 1))
                    open.append((Int(node.right), depth + 1))
                }
            }
            return deepest
        }
    }

    /// - Throws: `ArtifactError` if there are more nodes, or deeper trees, than the forms that serve take.
    static func check(_ trees: [Tree], path: String) throws(ArtifactError) {
        guard trees.reduce(0, { $0 + $1.nodes.count }) < TreeWalk.nodeLimit else {
            throw ArtifactError(path: path, reason: "has \(TreeWalk.nodeLimit) nodes or more")
        }
        guard trees.allSatisfy({ $0.depth <= 255 }) else {
            throw ArtifactError(path: path, reason: "has a tree deeper than 255 levels")
        }
    }

    /// Added in this order.
    package let trees: [Tree]
    /// Log-odds that the sum starts from.
    package let baseMargin: Float
}
