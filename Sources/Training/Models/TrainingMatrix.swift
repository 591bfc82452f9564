import CXGBoost
import Features

/// Rows that libxgboost holds.
package protocol BoosterData: AnyObject {
    /// libxgboost's handle; owned by the conforming object.
    var handle: DMatrixHandle? { get }
    /// Of its columns.
    var schema: FeatureSchema { get }
}

extension BoosterData {
    /// Gives the columns the schema's names, which model files then carry.
    func nameFeatures() throws(TrainingError) {
        try withNames(of: schema) { names, count throws(TrainingError) in
            try check(XGDMatrixSetStrFeatureInfo(handle, "feature_name", names, count))
        }
    }
}

/// Rows, labels and weights, copied into libxgboost as 32-bit floats.
package final class TrainingMatrix: BoosterData {
    /// Of its columns.
    package let schema: FeatureSchema
    /// libxgboost's handle.
    package private(set) var handle: DMatrixHandle?

    /// - Parameters:
    ///   - labels, weights: one a row; empty for rows that are only predicted.
    /// - Throws: `TrainingError` with libxgboost's message.
    package init(
        _ matrix: FeatureMatrix, of schema: FeatureSchema = FeatureSchema(.standard), labels: [Bool], weights: [Float]
    ) throws(TrainingError) {
        self.schema = schema
        let columns = bst_ulong(FeatureSchema.count)
        let status =
            matrix.rowCount == 0
            ? XGDMatrixCreateFromMat([Float](repeating: 0, count: FeatureSchema.count), 1, columns, .nan, &handle)
            : XGDMatrixCreateFromMat(matrix.values, bst_ulong(matrix.rowCount), columns, .nan, &handle)
        try check(status)
        if !labels.isEmpty {
            let numbers = labels.map { $0 ? Float(1) : 0 }
            try check(XGDMatrixSetFloatInfo(handle, "label", numbers, bst_ulong(numbers.count)))
        }
        if !weights.isEmpty {
            try check(XGDMatrixSetFloatInfo(handle, "weight", weights, bst_ulong(weights.count)))
        }
        try nameFeatures()
    }

    deinit { XGDMatrixFree(handle) }
}
