import Features

extension ModelArtifact {
    /// Proves that the forms of its trees that serve give what the trees say, bit for bit.
    /// - Parameter isCancelled: asked every few thousand rows; the proof is given up then.
    /// - Throws: `ArtifactError` naming the tree model and both margins.
    /// - Complexity: as `CompiledForest.prove`.
    package func prove(isCancelled: () -> Bool = { false }) throws(ArtifactError) {
        let golden = manifest.goldenRows.map { row in row.features.map { $0.map { Float($0) } ?? .nan } }
        do {
            try ensemble.forest.prove(trees, rows: golden, isCancelled: isCancelled)
        } catch {
            throw ArtifactError(
                path: directory,
                reason: "\(error): this program scores differently than it should; report this, and serve another model"
            )
        }
    }
}

/// A row for which a form that serves gives another margin than the trees.
struct CompiledDifference: Error, CustomStringConvertible {
    let model: Int
    let expected: Float
    let found: Float
    var description: String { "its tree model \(model) gives \(expected) for a row, and the form that serves \(found)" }
}

extension CompiledForest {
    /// Proves that it equals trees, bit for bit, in blocks and row by row.
    ///
    /// Each split is met by rows whose value is its threshold, one step of 32-bit floats below and above it, and missing. The
    /// values of the features above the split lead them to it, and the others are a given row's.
    /// - Parameters:
    ///   - trees: what it was compiled from.
    ///   - rows: `FeatureSchema.count` floats each; at least one.
    /// - Complexity: O(splits × trees × depth), about a second for 10,000 splits.
    func prove(
        _ trees: [TreeModel], rows base: [[Float]], isCancelled: () -> Bool = { false }
    ) throws(CompiledDifference) {
        var rows = SplitRows(base: base)
        for model in trees {
            for tree in model.trees {
                if isCancelled() { return }
                try rows.visit(tree) { (rows) throws(CompiledDifference) in try compare(rows, trees) }
            }
        }
        try compare(rows.take(), trees)
    }

    private func compare(_ rows: [[Float]], _ trees: [TreeModel]) throws(CompiledDifference) {
        var matrix = FeatureMatrix()
        for row in rows { matrix.append(row: row[...]) }
        let blocks = margins(matrix)
        let workspace = Workspace(for: self)
        for (place, row) in rows.enumerated() {
            row.withUnsafeBufferPointer { margins(rows: $0.baseAddress.unsafelyUnwrapped, count: 1, workspace) }
            for (number, model) in trees.enumerated() {
                let expected = model.margin(row[...])
                for found in [blocks[number][place], workspace.margins[number * Self.blockRows]]
                where found.bitPattern != expected.bitPattern {
                    throw CompiledDifference(model: number, expected: expected, found: found)
                }
            }
        }
    }
}

/// The slow, obvious way to evaluate trees, node by node, which the forms that serve must equal bit for bit.
extension TreeModel {
    /// Log-odds of one row.
    /// - Complexity: O(trees × depth).
    func margin(_ row: ArraySlice<Float>) -> Float { trees.reduce(baseMargin) { $0 + $1.leafValue(row) } }
}

extension TreeModel.Tree {
    /// The value of the leaf that a row reaches.
    func leafValue(_ row: ArraySlice<Float>) -> Float {
        var node = nodes[0]
        while !node.isLeaf {
            let value = row[row.startIndex + Int(node.feature)]
            let goesLeft = value.isNaN ? node.missingGoesLeft : value < node.threshold
            node = nodes[Int(goesLeft ? node.left : node.right)]
        }
        return node.threshold
    }
}

/// Rows that meet the splits of trees, handed on a block at a time.
private struct SplitRows {
    private static let block = 4096
    private let base: [[Float]]
    private var rows: [[Float]] = []
    private var splits = 0

    init(base: [[Float]]) { self.base = base }

    mutating func take() -> [[Float]] {
        defer { rows.removeAll(keepingCapacity: true) }
        return rows
    }

    /// Makes the rows of all splits of a tree.
    mutating func visit(
        _ tree: TreeModel.Tree, _ body: ([[Float]]) throws(CompiledDifference) -> Void
    ) throws(CompiledDifference) {
        // What the splits above leave of each feature: not below the first, below the second.
        var open: [(index: Int, bounds: [Int32: (low: Float, high: Float)])] = [(0, [:])]
        while let (index, bounds) = open.popLast() {
            let node = tree.nodes[index]
            if node.isLeaf { continue }
            add(node, bounds)
            if rows.count >= Self.block { try body(take()) }
            let (low, high) = bounds[node.feature] ?? (-.infinity, .infinity)
            var (left, right) = (bounds, bounds)
            left[node.feature] = (low, min(high, node.threshold))
            right[node.feature] = (max(low, node.threshold), high)
            open.append((Int(node.left), left))
            open.append((Int(node.right), right))
        }
    }

    private mutating func add(_ node: TreeModel.Node, _ bounds: [Int32: (low: Float, high: Float)]) {
        guard !base.isEmpty else { return }
        var row = base[splits % base.count]
        splits += 1
        for (feature, (low, high)) in bounds { row[Int(feature)] = low > -.infinity ? low : high.nextDown }
        for value in [node.threshold, node.threshold.nextDown, node.threshold.nextUp, .nan] {
            row[Int(node.feature)] = value
            rows.append(row)
        }
    }
}
