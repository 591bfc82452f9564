import CXGBoost
import Ensemble
import Features
import Foundation

/// One training run of libxgboost.
package final class Booster {
    var handle: BoosterHandle?
    private let data: any BoosterData

    /// - Parameters:
    ///   - data: the rows to train on.
    ///   - parameters: XGBoost's own, by name.
    /// - Throws: `TrainingError` with libxgboost's message.
    package init(data: any BoosterData, parameters: [(String, String)]) throws(TrainingError) {
        self.data = data
        var matrices = [data.handle]
        try check(XGBoosterCreate(&matrices, 1, &handle))
        for (name, value) in parameters { try check(XGBoosterSetParam(handle, name, value)) }
        try withNames(of: data.schema) { names, count throws(TrainingError) in
            try check(XGBoosterSetStrFeatureInfo(handle, "feature_name", names, count))
        }
    }

    deinit { XGBoosterFree(handle) }

    /// Runs one boosting round, which adds `num_parallel_tree` trees.
    /// - Parameter round: counted from 0.
    package func update(round: Int) throws(TrainingError) {
        try check(XGBoosterUpdateOneIter(handle, Int32(round), data.handle))
    }

    /// The model as an XGBoost model file, UBJSON.
    package func modelFile() throws(TrainingError) -> [UInt8] {
        var count: bst_ulong = 0
        var bytes: UnsafePointer<CChar>?
        try check(XGBoosterSaveModelToBuffer(handle, "{\"format\": \"ubj\"}", &count, &bytes))
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
    }

    /// The version of the libxgboost in use, such as `1.7.4`.
    package static var xgboostVersion: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        XGBoostVersion(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }
}

/// Passes the schema's feature names as C strings, valid during the call.
func withNames(
    of schema: FeatureSchema,
    _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>, bst_ulong) throws(TrainingError) -> Void
) throws(TrainingError) {
    let names = schema.names.map { strdup($0) }
    defer { for name in names { free(name) } }
    var pointers = names.map { UnsafePointer($0) }
    try body(&pointers, bst_ulong(pointers.count))
}

/// Turns libxgboost's status into an error.
/// - Parameter status: 0 for success.
func check(_ status: Int32) throws(TrainingError) {
    guard status != 0 else { return }
    // A stack trace follows the message.
    let message = String(cString: XGBGetLastError()).prefix { $0 != "\n" }
    throw TrainingError("libxgboost: \(message)")
}
