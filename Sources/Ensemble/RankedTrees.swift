import CArithmetic
import Features

/// Trees laid out for blocks of 64 rows, in which a node is evaluated by one comparison of 64 bytes.
///
/// A feature's thresholds are sorted once. A row's value becomes its rank among them, a byte, so that `value ≥ threshold`
/// becomes `rank ≥ threshold's rank`, exactly. The 64 rows' ranks of one feature are a plane. A byte distinguishes 255
/// thresholds: a feature with more has several planes, and a feature whose missing values go both ways has one plane for
/// each way. From the root downwards, each node splits its set of rows in two. After RapidScorer (Ye et al., KDD 2018), which
/// also compares many rows' bytes with one node, but excludes leaves instead of following the rows down.
struct RankedTrees: Sendable {
    /// Identifies a plane.
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
    /// For each model, the index after its last tree.
    private var ends: [Int] = []

    /// - Returns: `nil` if a tree has more than 256 leaves, or there are more than 65,536 planes.
    /// - Complexity: O(n log n) in the number of nodes.
    init?(_ models: [TreeModel]) {
        let trees = models.flatMap(\.trees)
        guard trees.allSatisfy({ $0.leafOrder.leaves.count <= Int(ce_leaf_limit) }) else { return nil }
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
        values += repeatElement(0, count: Int(ce_leaf_room))
    }

    private static let thresholdsOfPlane = 255
    private static let thresholdsOfBlock = 16

    private mutating func append(plane values: ArraySlice<Float>, _ key: PlaneKey) {
        planes.append(
            ce_plane(
                feature: UInt32(key.feature), first_threshold: UInt32(thresholds.count),
                threshold_count: UInt16(values.count), missing_rank: key.missingGoesLeft ? 0 : 255))
        guard values.count > Int(ce_few_thresholds) else {
            thresholds += values
            return
        }
        let blocks = Array(values) + repeatElement(.nan, count: 256 - values.count)
        let size = Self.thresholdsOfBlock
        thresholds += (0..<size).map { blocks[$0 * size + size - 1] }
        thresholds += blocks
    }

    /// Appends a tree's splits level by level, those with two leaves after all others.
    private mutating func append(
        _ tree: TreeModel.Tree, _ order: [PlaneKey: [Float: Int]], _ places: [PlaneKey: Int]
    ) {
        let (numbers, leaves) = tree.leafOrder
        func isSplit(_ index: Int32) -> Bool { !tree.nodes[Int(index)].isLeaf }
        func isInner(_ index: Int32) -> Bool {
            isSplit(index) && (isSplit(tree.nodes[Int(index)].left) || isSplit(tree.nodes[Int(index)].right))
        }
        var splits: [Int32] = isSplit(0) ? [0] : []
        var next = 0
        while next < splits.count {
            let node = tree.nodes[Int(splits[next])]
            splits += [node.left, node.right].filter(isSplit)
            next += 1
        }
        let inner = splits.filter(isInner)
        splits = inner + splits.filter { !isInner($0) }
        let positions = Dictionary(uniqueKeysWithValues: zip(splits, 0...))

        trees.append(
            ce_tree(
                first_node: UInt32(nodes.count), first_value: UInt32(values.count), inner: UInt8(inner.count),
                terminal: UInt8(splits.count - inner.count)))
        for index in splits {
            let node = tree.nodes[Int(index)]
            let key = PlaneKey(node, group: 0)
            // Every threshold of the tree is among those that were sorted.
            let rank = order[key]?[node.threshold] ?? 0
            let place = places[PlaneKey(key, group: rank / Self.thresholdsOfPlane), default: 0]
            func position(_ child: Int32) -> UInt8 { positions[child].map { UInt8($0) } ?? UInt8(ce_nowhere) }
            nodes.append(
                ce_node(
                    plane: UInt16(place), rank: UInt8(rank % Self.thresholdsOfPlane + 1), left: position(node.left),
                    right: position(node.right), right_leaf: UInt8(numbers[Int(node.right)])))
        }
        values += leaves
    }

    /// Adds a block's leaf values to `margins`, 64 floats a model.
    ///
    /// - Parameters:
    ///   - columns: 64 rows, as `ce_columns` lays them out.
    ///   - ranks: room for 64 bytes a plane.
    ///   - level: instruction set, see `ce_best_level`.
    func addBlock(
        columns: UnsafePointer<Float>, ranks: UnsafeMutablePointer<UInt8>, to margins: UnsafeMutablePointer<Float>,
        level: Int32
    ) {
        ce_rank(level, columns, planes, planes.count, thresholds, ranks)
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

extension TreeModel.Tree {
    /// For each node the number of the first leaf below it, or its own; and the leaves' values by number, from the left.
    fileprivate var leafOrder: (numbers: [Int], leaves: [Float]) {
        var numbers = [Int](repeating: 0, count: nodes.count)
        var leaves: [Float] = []
        var open = [0]
        while let index = open.popLast() {
            let node = nodes[index]
            numbers[index] = leaves.count
            if node.isLeaf { leaves.append(node.threshold) } else { open += [Int(node.right), Int(node.left)] }
        }
        return (numbers, leaves)
    }
}
