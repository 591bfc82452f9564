import Ensemble
import Features

/// Explains a batch's rows, 64 at a time, as the predictions are written in order. Owned by one thread.
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

    /// Contributions to one row's log-odds by the served model. Rows have to be asked for from the first on, none left out.
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
