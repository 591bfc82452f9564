import Ensemble
import Features

/// Explains the rows of a batch, 64 at a time, while the predictions are written in order. Belongs to one thread.
final class Explanations {
    private static let blockRows = 64

    let explainer: Explainer
    private let workspace: Explainer.Workspace
    private let block: UnsafeMutablePointer<Double>

    init(_ explainer: Explainer) {
        self.explainer = explainer
        workspace = Explainer.Workspace(for: explainer)
        block = .allocate(capacity: Self.blockRows * FeatureSchema.count)
    }

    deinit { block.deallocate() }

    /// The contributions of one row alone, whichever rows are asked for.
    func contributions(onlyOf row: Int, of matrix: borrowing FeatureMatrix) -> UnsafePointer<Double> {
        matrix.values.withUnsafeBufferPointer { values in
            explainer.contributions(
                values.baseAddress.unsafelyUnwrapped + row * FeatureSchema.count, count: 1, into: block, workspace)
        }
        return UnsafePointer(block)
    }

    /// The contributions of one row's features to the served model's log-odds.
    ///
    /// To be called for every row of the matrix, from the first on: every 64th call explains the next 64 rows.
    func contributions(row: Int, of matrix: borrowing FeatureMatrix) -> UnsafePointer<Double> {
        let place = row % Self.blockRows
        if place == 0 {
            let count = min(Self.blockRows, matrix.rowCount - row)
            matrix.values.withUnsafeBufferPointer { values in
                explainer.contributions(
                    values.baseAddress.unsafelyUnwrapped + row * FeatureSchema.count, count: count, into: block,
                    workspace)
            }
        }
        return UnsafePointer(block + place * FeatureSchema.count)
    }
}
