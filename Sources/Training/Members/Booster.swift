import CXGBoost
import Ensemble
import Features
import Foundation

/// One training run of libxgboost.
package final class Booster {
    private var handle: BoosterHandle?
    private let data: any BoosterData

    /// - Parameter parameters: XGBoost's own, by name.
    package init(data: any BoosterData, parameters: [(String, String)]) throws(TrainingError) {
        self.data = data
        var matrices = [data.handle]
        try check(XGBoosterCreate(&matrices, 1, &handle))
        for (name, value) in parameters { try check(XGBoosterSetParam(handle, name, value)) }
        try withFeatureNames { names, count throws(TrainingError) in
            try check(XGBoosterSetStrFeatureInfo(handle, "feature_name", names, count))
        }
    }

    deinit { XGBoosterFree(handle) }

    /// One boosting round (one forest, where `num_parallel_tree` says so).
    package func update(round: Int) throws(TrainingError) {
        try check(XGBoosterUpdateOneIter(handle, Int32(round), data.handle))
    }

    /// Log-odds for each row of a matrix, by libxgboost's own prediction.
    package func margins(_ matrix: TrainingMatrix) throws(TrainingError) -> [Float] {
        var count: bst_ulong = 0
        var result: UnsafePointer<Float>?
        try check(XGBoosterPredict(handle, matrix.handle, 1, 0, 0, &count, &result))
        return Array(UnsafeBufferPointer(start: result, count: Int(count)))
    }

    /// SHAP values for each row of a matrix: one a feature, then the base value; in log-odds, summing to the margin.
    package func contributions(_ matrix: TrainingMatrix) throws(TrainingError) -> [Float] {
        var count: bst_ulong = 0
        var result: UnsafePointer<Float>?
        try check(XGBoosterPredict(handle, matrix.handle, 4, 0, 0, &count, &result))
        return Array(UnsafeBufferPointer(start: result, count: Int(count)))
    }

    /// The model as an ordinary XGBoost model file, UBJSON.
    package func modelFile() throws(TrainingError) -> [UInt8] {
        var count: bst_ulong = 0
        var bytes: UnsafePointer<CChar>?
        try check(XGBoosterSaveModelToBuffer(handle, "{\"format\": \"ubj\"}", &count, &bytes))
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    }

    /// A model file read back by libxgboost, to hold its prediction against ours.
    package convenience init(modelFile: [UInt8]) throws(TrainingError) {
        try self.init(data: TrainingMatrix(FeatureMatrix(), labels: [], weights: []), parameters: [])
        let status = modelFile.withUnsafeBytes {
            XGBoosterLoadModelFromBuffer(handle, $0.baseAddress, UInt64($0.count))
        }
        try check(status)
    }

    package func set(_ name: String, _ value: String) throws(TrainingError) {
        try check(XGBoosterSetParam(handle, name, value))
    }

    /// The fastest prediction that libxgboost offers: log-odds from rows where they lie, without a matrix of its own.
    /// - Returns: lent until the next prediction.
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

    package static var xgboostVersion: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        XGBoostVersion(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }
}

/// Rows as libxgboost holds them.
package protocol BoosterData: AnyObject {
    var handle: DMatrixHandle? { get }
}

extension BoosterData {
    func nameFeatures() throws(TrainingError) {
        try withFeatureNames { names, count throws(TrainingError) in
            try check(XGDMatrixSetStrFeatureInfo(handle, "feature_name", names, count))
        }
    }
}

/// Rows, labels and weights in a copy of libxgboost's own.
package final class TrainingMatrix: BoosterData {
    package private(set) var handle: DMatrixHandle?

    /// - Parameters: `labels` and `weights` may be empty for rows that are only predicted.
    package init(_ matrix: FeatureMatrix, labels: [Bool], weights: [Float]) throws(TrainingError) {
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

/// The schema's names as C strings.
private func withFeatureNames(
    _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>, bst_ulong) throws(TrainingError) -> Void
) throws(TrainingError) {
    let names = FeatureSchema.names.map { strdup($0) }
    defer { for name in names { free(name) } }
    var pointers = names.map { UnsafePointer($0) }
    try body(&pointers, bst_ulong(pointers.count))
}

func check(_ status: Int32) throws(TrainingError) {
    guard status != 0 else { return }
    // A stack trace follows the message.
    let message = String(cString: XGBGetLastError()).prefix { $0 != "\n" }
    throw TrainingError("libxgboost: \(message)")
}
