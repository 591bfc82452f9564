import Features

/// A sum of regression trees that gives log-odds: the readable form, walked node by node.
///
/// `CompiledForest` is the form that serves; it equals this one bit for bit.
public struct TreeModel: Equatable, Sendable {
    public struct Node: Equatable, Sendable {
        /// Feature that the node asks about; −1 in a leaf.
        public let feature: Int32
        /// Left below the threshold, right from it on. In a leaf, the leaf's value.
        public let threshold: Float
        public let left: Int32
        public let right: Int32
        /// Where a missing value (NaN) goes.
        public let missingGoesLeft: Bool
        /// What the node weighed in training: XGBoost's sum of hessians, LightGBM's number of rows. Not negative; `nil` where
        /// the model's file does not say. Scores do not depend on it, explanations do.
        public let cover: Float?

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

        public var isLeaf: Bool { feature < 0 }
    }

    public struct Tree: Equatable, Sendable {
        /// The root is the first.
        public let nodes: [Node]

        init(nodes: [Node]) { self.nodes = nodes }

        /// Nodes of a file; `nil` unless those that the root reaches are a tree.
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

        func leafValue(_ row: ArraySlice<Float>) -> Float {
            var node = nodes[0]
            while !node.isLeaf {
                let value = row[row.startIndex + Int(node.feature)]
                let goesLeft = value.isNaN ? node.missingGoesLeft : value < node.threshold
                node = nodes[Int(goesLeft ? node.left : node.right)]
            }
            return node.threshold
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

    public let trees: [Tree]
    /// Log-odds that the sum starts from.
    public let baseMargin: Float

    /// Log-odds of one row: base margin plus leaf values, added in tree order in 32-bit floats as libxgboost does.
    /// - Complexity: O(trees × depth).
    public func margin(_ row: ArraySlice<Float>) -> Float {
        var sum = baseMargin
        for tree in trees { sum += tree.leafValue(row) }
        return sum
    }
}
