import CArithmetic
import Features

/// Trees laid out for blocks of 64 rows: a node is one comparison of 64 bytes.
///
/// A feature's thresholds are sorted once; a row's value becomes its rank among them, a byte, and `value ≥ threshold`
/// becomes `rank ≥ place`, exactly. A byte tells 255 thresholds apart, so a feature with more has several planes of
/// ranks, and one whose missing values go both ways has one for either. From the root downwards each node then parts a
/// set of 64 rows, one bit a row. After RapidScorer (Ye et al., KDD 2018), which also compares many rows' bytes with one
/// node, but follows the rows down instead of striking leaves out.
struct RankedTrees: Sendable {
    /// A plane before its thresholds are laid out.
    fileprivate struct PlaneKey: Hashable {
        let feature: Int32
        let missingGoesLeft: Bool
        let group: Int
    }

    private(set) var planes: [ce_plane] = []
    private var thresholds: [Float] = []
    private var nodes: [ce_node] = []
    private var values: [Float] = []
    private var trees: [ce_tree] = []
    /// Where each model's trees end.
    private var ends: [Int] = []

    /// - Returns: nil if a tree is deeper than 8 levels, or there are more planes than 65,536.
    /// - Complexity: O(n log n) in the number of nodes, and 2^depth values for each tree.
    init?(_ models: [TreeModel]) {
        let trees = models.flatMap(\.trees)
        guard trees.allSatisfy({ $0.depth <= Int(ce_depth_limit) }) else { return nil }
        var sorted: [PlaneKey: [Float]] = [:]
        for node in trees.flatMap(\.nodes) where !node.isLeaf {
            sorted[PlaneKey(node, group: 0), default: []].append(node.threshold)
        }
        var order: [PlaneKey: [Float: Int]] = [:]
        for (key, values) in sorted {
            let distinct = Set(values).sorted()
            sorted[key] = distinct
            order[key] = Dictionary(uniqueKeysWithValues: zip(distinct, 0...))
        }

        var places: [PlaneKey: Int] = [:]
        for (key, all) in sorted.sorted(by: { ($0.key.feature, $0.key.order) < ($1.key.feature, $1.key.order) }) {
            for (group, start) in stride(from: 0, to: all.count, by: Self.thresholdsOfPlane).enumerated() {
                places[PlaneKey(key, group: group)] = planes.count
                append(plane: all[start..<min(start + Self.thresholdsOfPlane, all.count)], key)
            }
        }
        guard planes.count <= 1 << 16 else { return nil }
        for model in models {
            for tree in model.trees { append(tree, order, places) }
            ends.append(self.trees.count)
        }
        values += repeatElement(0, count: 16)
    }

    private static let thresholdsOfPlane = 255
    private static let thresholdsOfBlock = 16

    private mutating func append(plane values: ArraySlice<Float>, _ key: PlaneKey) {
        planes.append(
            ce_plane(
                feature: UInt32(key.feature), first_threshold: UInt32(thresholds.count),
                missing_rank: key.missingGoesLeft ? 0 : 255))
        var blocks = Array(values)
        blocks += repeatElement(.nan, count: 256 - blocks.count)
        let size = Self.thresholdsOfBlock
        thresholds += (0..<size).map { blocks[$0 * size + size - 1] }
        thresholds += blocks
    }

    /// Level by level, in each the nodes that have a node below them first.
    private mutating func append(
        _ tree: TreeModel.Tree, _ order: [PlaneKey: [Float: Int]], _ places: [PlaneKey: Int]
    ) {
        let depth = tree.depth
        var entry = ce_tree()
        entry.first_node = UInt32(nodes.count)
        entry.first_value = UInt32(values.count)
        entry.depth = UInt8(depth)
        values += repeatElement(0, count: 1 << depth)
        func isTerminal(_ node: TreeModel.Node) -> Bool {
            tree.nodes[Int(node.left)].isLeaf && tree.nodes[Int(node.right)].isLeaf
        }

        var level = [(index: 0, path: 0)]
        for step in 0...depth {
            for (index, path) in level where tree.nodes[index].isLeaf {
                values[Int(entry.first_value) + path] = tree.nodes[index].threshold
            }
            let asking = level.filter { !tree.nodes[$0.index].isLeaf }
            let inner = asking.filter { !isTerminal(tree.nodes[$0.index]) }
            let terminal = asking.filter { isTerminal(tree.nodes[$0.index]) }
            let below = (inner + terminal).flatMap { index, path in
                [(Int(tree.nodes[index].left), path), (Int(tree.nodes[index].right), path | 1 << step)]
            }
            // Where each node of the next level will stand, its inner ones first.
            var positions: [Int: UInt8] = [:]
            let next = below.map(\.0).filter { !tree.nodes[$0].isLeaf }
            let ordered = next.filter { !isTerminal(tree.nodes[$0]) } + next.filter { isTerminal(tree.nodes[$0]) }
            for (position, index) in ordered.enumerated() { positions[index] = UInt8(position) }
            for (index, _) in inner + terminal {
                let node = tree.nodes[index]
                let key = PlaneKey(node, group: 0)
                // Every threshold of the tree is among those that were sorted.
                let rank = order[key]?[node.threshold] ?? 0
                let place = places[PlaneKey(key, group: rank / Self.thresholdsOfPlane), default: 0]
                nodes.append(
                    ce_node(
                        plane: UInt16(place), rank: UInt8(rank % Self.thresholdsOfPlane + 1),
                        left: positions[Int(node.left)] ?? UInt8(ce_nowhere),
                        right: positions[Int(node.right)] ?? UInt8(ce_nowhere)))
            }
            if step < depth {
                withUnsafeMutableBytes(of: &entry.inner) { $0[step] = UInt8(inner.count) }
                withUnsafeMutableBytes(of: &entry.terminal) { $0[step] = UInt8(terminal.count) }
            }
            level = below
        }
        trees.append(entry)
    }

    /// Adds a block's leaf values to `margins`, 64 floats a model.
    ///
    /// - Parameters:
    ///   - rows: 64 rows of `FeatureSchema.count` floats.
    ///   - ranks: room for 64 bytes a plane.
    ///   - level: instruction set, see `ce_best_level`.
    func addBlock(
        rows: UnsafePointer<Float>, ranks: UnsafeMutablePointer<UInt8>, to margins: UnsafeMutablePointer<Float>,
        level: Int32
    ) {
        ce_rank(level, rows, FeatureSchema.count, planes, planes.count, thresholds, ranks)
        trees.withUnsafeBufferPointer { trees in
            var start = 0
            for (model, end) in ends.enumerated() {
                ce_add_trees(
                    level, ranks, trees.baseAddress.map { $0 + start }, end - start, nodes, values,
                    margins + model * Int(ce_block_rows))
                start = end
            }
        }
    }
}

extension RankedTrees.PlaneKey {
    fileprivate init(_ node: TreeModel.Node, group: Int) {
        self.init(feature: node.feature, missingGoesLeft: node.missingGoesLeft, group: group)
    }

    fileprivate init(_ key: Self, group: Int) {
        self.init(feature: key.feature, missingGoesLeft: key.missingGoesLeft, group: group)
    }

    fileprivate var order: Int { missingGoesLeft ? 0 : 1 }
}
