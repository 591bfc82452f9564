import CArithmetic
import Features

/// Exact SHAP values of tree models, in the time of a few passes over all splits.
///
/// Definition: the path-dependent SHAP values of S. Lundberg et al., "From local explanations to global understanding
/// with explainable AI for trees" (2020), which libxgboost and LightGBM give as contributions. Where a split's feature is
/// outside the coalition, a row goes both ways, in the proportion of the children's covers.
///
/// Method: a Shapley value is the integral over t of what the feature changes while every other feature takes part with
/// probability t
/// (G. Owen, "Multilinear extensions of games", 1972). Along a path with m distinct features it is the integral of a
/// polynomial of degree m − 1 in t, so ⌈m / 2⌉ points of Gauss–Legendre quadrature give it exactly: 4 for trees of depth 8.
/// (After P. Yu et al., "Linear TreeShap", 2022, which evaluates the same polynomials at points.) At one t a tree is a plain
/// expectation: each split weights its children by factors that add up to 1, also where a split above has the same feature.
/// Products are passed down and sums up, and each split adds one product a point to its feature. All factors lie in 0...1,
/// so that there is no division and no cancellation, unlike in algorithms that remove a feature from a path.
///
/// A child's share is its cover divided by both children's. The parent's cover is not used, so that shares always add up to 1
/// and contributions to the score. Two children without cover have one half each.
///
/// Limits: `roomLimit`.
package struct TreeExplainer: Sendable {
    /// Most doubles that one row's slots in one tree may take; a workspace then has 96 MiB. A tree of 255 leaves and 8 levels
    /// takes 1,024.
    static let roomLimit = 1 << 22
    /// Larger trees are explained row by row: the slots of eight rows would not fit in a cache.
    private static let groupRoomLimit = 1 << 15
    /// A group of rows costs as much as this many single rows.
    private static let rowsWorthAGroup = 3

    private let models: [Range<Int>]
    private let layout: ExplainedTrees
    /// Each model's mean log-odds by cover: its base value.
    package let expected: [Double]
    let level: Int32

    /// - Throws: `ArtifactError` if a split's children have no covers, or a tree is beyond `roomLimit`.
    /// - Complexity: O(nodes × depth).
    package init(_ models: [TreeModel], path: String) throws(ArtifactError) {
        try self.init(models, level: ce_best_level(), path: path)
    }

    /// - Parameter level: instruction set of the kernels, see `ce_best_level`.
    init(_ models: [TreeModel], level: Int32, path: String) throws(ArtifactError) {
        var layout = ExplainedTrees()
        var ranges: [Range<Int>] = []
        var expected: [Double] = []
        for model in models {
            let first = layout.trees.count
            var sum = Double(model.baseMargin)
            for tree in model.trees {
                do { sum += try layout.append(tree) } catch { throw ArtifactError(path: path, reason: error.what) }
            }
            expected.append(sum)
            ranges.append(first..<layout.trees.count)
        }
        self.models = ranges
        self.layout = layout
        self.expected = expected
        self.level = level
    }

    /// Adds each model's SHAP values, times its weight, to the contributions of some rows.
    ///
    /// A row's values do not depend on the rows beside it, to the last bit.
    /// - Parameters:
    ///   - rows: `FeatureSchema.count` floats each.
    ///   - weights: one a model; models of weight 0 are skipped.
    ///   - contributions: row-major, one a feature.
    /// - Complexity: O(rows × nodes × points); nothing is allocated.
    package func add(
        _ rows: UnsafePointer<Float>, count: Int, weights: [Double], to contributions: UnsafeMutablePointer<Double>,
        _ workspace: Workspace
    ) {
        let width = FeatureSchema.count
        let block = Workspace.groups * Self.groupRows
        for first in stride(from: 0, to: count, by: block) {
            let blockCount = min(block, count - first)
            // A last group of few rows is computed row by row.
            let over = blockCount % Self.groupRows
            let singles = layout.room > Self.groupRoomLimit ? blockCount : over < Self.rowsWorthAGroup ? over : 0
            addGroups(rows + first * width, blockCount - singles, weights, contributions + first * width, workspace)
            for row in (first + blockCount - singles)..<(first + blockCount) {
                addSingle(rows + row * width, weights, contributions + row * width, workspace)
            }
        }
    }

    static let groupRows = Int(ce_explained_rows)

    private func addSingle(
        _ row: UnsafePointer<Float>, _ weights: [Double], _ contributions: UnsafeMutablePointer<Double>,
        _ workspace: Workspace
    ) {
        let width = FeatureSchema.count
        TreeWalk.prepare(row, into: workspace.columns)
        for (model, weight) in weights.enumerated() where weight != 0 {
            workspace.sums.update(repeating: 0, count: 2 * width)
            layout.trees.withUnsafeBufferPointer { trees in
                ce_explain_row(
                    level, trees.baseAddress.map { $0 + models[model].lowerBound }, models[model].count, layout.splits,
                    layout.values, layout.bounds, layout.factors, workspace.columns, workspace.slots, workspace.sums)
            }
            for feature in 0..<width {
                contributions[feature] -= weight * (workspace.sums[feature] + workspace.sums[feature + width])
            }
        }
    }

    private func addGroups(
        _ rows: UnsafePointer<Float>, _ count: Int, _ weights: [Double],
        _ contributions: UnsafeMutablePointer<Double>, _ workspace: Workspace
    ) {
        guard count > 0 else { return }
        let (width, size) = (FeatureSchema.count, Self.groupRows)
        let groups = (count + size - 1) / size
        let places = 2 * width
        for row in 0..<count {
            let column = workspace.columns + (row / size * places * size + row % size)
            let row = rows + row * width
            for feature in 0..<width {
                let value = row[feature]
                column[feature * size] = value
                column[(feature + width) * size] = value.isNaN ? .infinity : value
            }
        }
        for (model, weight) in weights.enumerated() where weight != 0 {
            workspace.sums.update(repeating: 0, count: groups * places * size)
            layout.trees.withUnsafeBufferPointer { trees in
                ce_explain(
                    level, trees.baseAddress.map { $0 + models[model].lowerBound }, models[model].count, layout.splits,
                    layout.values, layout.bounds, layout.factors, workspace.columns, groups, places, workspace.slots,
                    workspace.sums)
            }
            for row in 0..<count {
                let sums = workspace.sums + (row / size * places * size + row % size)
                let contributions = contributions + row * width
                for feature in 0..<width {
                    contributions[feature] -= weight * (sums[feature * size] + sums[(feature + width) * size])
                }
            }
        }
    }

    /// Scratch memory for explanations. Used by one thread at a time.
    package final class Workspace {
        /// Groups of eight rows in a block.
        static let groups = 8

        fileprivate let columns: UnsafeMutablePointer<Float>
        fileprivate let sums: UnsafeMutablePointer<Double>
        fileprivate let slots: UnsafeMutablePointer<Double>

        /// Scratch memory for an explainer, reused from call to call.
        package init(for explainer: TreeExplainer) {
            func aligned<Element>(_ count: Int, of value: Element) -> UnsafeMutablePointer<Element> {
                let bytes = UnsafeMutableRawPointer.allocate(
                    byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
                return bytes.initializeMemory(as: Element.self, repeating: value, count: count)
            }
            let block = Self.groups * TreeExplainer.groupRows * TreeWalk.rowCount
            columns = aligned(block, of: 0)
            sums = aligned(block, of: 0)
            let room = explainer.layout.room
            slots = aligned(room * (room > TreeExplainer.groupRoomLimit ? 3 : TreeExplainer.groupRows), of: 0)
        }

        deinit {
            columns.deallocate()
            sums.deallocate()
            slots.deallocate()
        }
    }
}
