import CXGBoost
import Features

/// libxgboost's own predictions and contributions: what tests and benchmarks compare ours with.
extension Booster {
    /// Loads a model file.
    /// - Throws: `TrainingError` with libxgboost's message.
    package convenience init(modelFile: [UInt8]) throws(TrainingError) {
        try self.init(data: TrainingMatrix(FeatureMatrix(), labels: [], weights: []), parameters: [])
        let status = modelFile.withUnsafeBytes {
            XGBoosterLoadModelFromBuffer(handle, $0.baseAddress, UInt64($0.count))
        }
        try check(status)
    }

    /// The fastest prediction that libxgboost offers: log-odds of rows in the caller's memory, without a DMatrix.
    /// - Parameter rows: `count` rows of `FeatureSchema.count` floats.
    /// - Returns: valid until the next prediction.
    package func marginsInPlace(_ rows: UnsafePointer<Float>, count: Int) throws(TrainingError)
        -> UnsafeBufferPointer<Float>
    {
        let interface =
            #"{"data": [\#(UInt(bitPattern: rows)), true], "shape": [\#(count), \#(FeatureSchema.count)], "typestr": "<f4", "version": 3}"#
        let configuration =
            #"{"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false, "missing": NaN, "cache_id": 0}"#
        var shape: UnsafePointer<bst_ulong>?
        var dimensions: bst_ulong = 0
        var result: UnsafePointer<Float>?
        try check(
            XGBoosterPredictFromDense(handle, interface, configuration, nil, &shape, &dimensions, &result))
        return UnsafeBufferPointer(start: result, count: count)
    }

    /// Log-odds, one a row.
    package func margins(_ matrix: TrainingMatrix) throws(TrainingError) -> [Float] {
        var count: bst_ulong = 0
        var result: UnsafePointer<Float>?
        try check(XGBoosterPredict(handle, matrix.handle, 1, 0, 0, &count, &result))
        return Array(UnsafeBufferPointer(start: result, count: Int(count)))
    }

    /// SHAP values in log-odds, row-major: one a feature, then the base value. A row's sum is its margin.
    package func contributions(_ matrix: TrainingMatrix) throws(TrainingError) -> [Float] {
        var count: bst_ulong = 0
        var result: UnsafePointer<Float>?
        try check(XGBoosterPredict(handle, matrix.handle, 4, 0, 0, &count, &result))
        return Array(UnsafeBufferPointer(start: result, count: Int(count)))
    }
}
