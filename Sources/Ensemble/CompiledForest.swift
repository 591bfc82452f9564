import CArithmetic
import Features

/// Tree models in the two forms that serve: `RankedTrees` for blocks of rows, `TreeWalk` for single rows. Both equal
/// `TreeModel` bit for bit.
///
/// Limits: where a tree has more than 256 leaves, all are walked in blocks too, several times slower.
public struct CompiledForest: Sendable {
    /// Rows of a block, which are computed together.
    public static let blockRows = Int(ce_block_rows)
    /// A block costs as much as this many single rows.
    static let rowsWorthABlock = 16

    private let walks: [TreeWalk]
    private let ranked: RankedTrees?
    private let baseMargins: [Float]
    /// Instruction set of the kernels.
    let level: Int32

    /// Number of tree models.
    package var modelCount: Int { walks.count }

    /// - Parameter models: each gives a margin of its own.
    /// - Complexity: O(n log n) in the number of nodes.
    package init(_ models: [TreeModel]) { self.init(models, level: ce_best_level()) }

    init(_ models: [TreeModel], level: Int32) {
        walks = models.map { TreeWalk($0) }
        ranked = RankedTrees(models)
        baseMargins = models.map(\.baseMargin)
        self.level = level
    }

    /// Whether a number of rows is computed as one block.
    func takesAsBlock(_ count: Int) -> Bool { ranked != nil && count >= Self.rowsWorthABlock }

    /// Log-odds of up to 64 rows by every model: model m's of row r are `workspace.margins[m * 64 + r]`. A block's rows
    /// are in `workspace.columns` then.
    ///
    /// - Parameter rows: `FeatureSchema.count` floats each; all 64 are read if `takesAsBlock(count)`.
    /// - Complexity: O(rows × trees × depth); nothing is allocated.
    func margins(rows: UnsafePointer<Float>, count: Int, _ workspace: Workspace) {
        for (model, base) in baseMargins.enumerated() {
            (workspace.margins + model * Self.blockRows).update(repeating: base, count: Self.blockRows)
        }
        if let ranked, takesAsBlock(count) {
            ce_columns(rows, FeatureSchema.count, workspace.columns)
            ranked.addBlock(columns: workspace.columns, ranks: workspace.ranks, to: workspace.margins, level: level)
            return
        }
        for row in 0..<count {
            TreeWalk.prepare(rows + row * FeatureSchema.count, into: workspace.twice)
            for (model, walk) in walks.enumerated() {
                let margin = workspace.margins + (model * Self.blockRows + row)
                margin.pointee = walk.margin(workspace.twice, from: margin.pointee)
            }
        }
    }

    /// Log-odds of one row by the first model.
    /// - Complexity: O(trees × depth); nothing is allocated.
    package func margin(_ row: UnsafePointer<Float>, _ workspace: Workspace) -> Float {
        margins(rows: row, count: 1, workspace)
        return workspace.margins[0]
    }

    /// Log-odds of all rows of a matrix by every model: an array of rows for each.
    /// - Complexity: O(rows × trees × depth).
    package func margins(_ matrix: FeatureMatrix) -> [[Float]] {
        let workspace = Workspace(for: self)
        var margins = walks.map { _ in [Float]() }
        for model in margins.indices { margins[model].reserveCapacity(matrix.rowCount) }
        matrix.values.withUnsafeBufferPointer { values in
            for first in stride(from: 0, to: matrix.rowCount, by: Self.blockRows) {
                let count = min(Self.blockRows, matrix.rowCount - first)
                let rows = workspace.block(values.baseAddress.unsafelyUnwrapped, first: first, count: count)
                self.margins(rows: rows, count: count, workspace)
                for model in margins.indices {
                    margins[model].append(
                        contentsOf: UnsafeBufferPointer(
                            start: workspace.margins + model * Self.blockRows, count: count))
                }
            }
        }
        return margins
    }

    /// Scratch memory for margins. Used by one thread at a time.
    public final class Workspace {
        /// The block's rows by feature.
        let columns: UnsafeMutablePointer<Float>
        let ranks: UnsafeMutablePointer<UInt8>
        /// 64 floats a model.
        let margins: UnsafeMutablePointer<Float>
        /// One row as it is walked.
        let twice: UnsafeMutablePointer<Float>
        /// A copy of a block of fewer than 64 rows.
        private let padded: UnsafeMutablePointer<Float>

        /// Scratch memory for a forest, reused from call to call.
        public init(for forest: CompiledForest) {
            columns = .allocate(capacity: CompiledForest.blockRows * FeatureSchema.count)
            ranks = .allocate(capacity: max(1, forest.ranked?.planes.count ?? 0) * CompiledForest.blockRows)
            margins = .allocate(capacity: max(1, forest.modelCount) * CompiledForest.blockRows)
            twice = .allocate(capacity: TreeWalk.rowCount)
            let room = CompiledForest.blockRows * FeatureSchema.count
            padded = .allocate(capacity: room)
            padded.initialize(repeating: 0, count: room)
        }

        deinit {
            columns.deallocate()
            ranks.deallocate()
            margins.deallocate()
            twice.deallocate()
            padded.deallocate()
        }

        /// Some rows of a matrix as a block whose 64 rows can all be read.
        func block(_ values: UnsafePointer<Float>, first: Int, count: Int) -> UnsafePointer<Float> {
            let rows = values + first * FeatureSchema.count
            if count == CompiledForest.blockRows { return rows }
            padded.update(from: rows, count: count * FeatureSchema.count)
            return UnsafePointer(padded)
        }
    }
}
