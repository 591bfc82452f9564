import CXGBoost
import Features

/// Training rows as libxgboost's QuantileDMatrix: each value is kept as its histogram bin, a byte.
///
/// The rows are handed over in batches, so that they never exist as one array of floats.
final class QuantileMatrix: BoosterData {
    let schema: FeatureSchema
    private(set) var handle: DMatrixHandle?

    /// - Parameters:
    ///   - labels, weights: one a row.
    ///   - bins: the same as `max_bin` in training.
    ///   - threads: that libxgboost may use.
    ///   - fill: writes the row of an index into `FeatureSchema.count` floats; called more than once a row.
    /// - Throws: `TrainingError` from libxgboost.
    init(
        of schema: FeatureSchema, labels: [Bool], weights: [Float], bins: Int, threads: Int,
        fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) throws(TrainingError) {
        self.schema = schema
        try withoutActuallyEscaping(fill) { fill throws(TrainingError) in
            let batches = try RowBatches(labels: labels.map { $0 ? 1 : 0 }, weights: weights, fill: fill)
            let configuration = "{\"missing\": NaN, \"nthread\": \(threads), \"max_bin\": \(bins)}"
            let iterator = Unmanaged.passUnretained(batches).toOpaque()
            let status = XGQuantileDMatrixCreateFromCallback(
                iterator, batches.proxy, nil,
                { if let iterator = $0 { RowBatches.from(iterator).reset() } },
                { $0.map { RowBatches.from($0).next() } ?? 0 }, configuration, &handle)
            if let failure = batches.failure { throw failure }
            try check(status)
        }
        try nameFeatures()
    }

    deinit { XGDMatrixFree(handle) }

    /// The iterator that libxgboost pulls batches from. It passes over the rows more than once.
    private final class RowBatches {
        private static let batchRows = 8192

        let proxy: DMatrixHandle?
        private(set) var failure: TrainingError?
        private let labels: [Float]
        private let weights: [Float]
        private let fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
        private let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: batchRows * FeatureSchema.count)
        private var start = 0

        init(
            labels: [Float], weights: [Float], fill: @escaping (Int, UnsafeMutableBufferPointer<Float>) -> Void
        ) throws(TrainingError) {
            self.labels = labels
            self.weights = weights
            self.fill = fill
            var proxy: DMatrixHandle?
            let status = XGProxyDMatrixCreate(&proxy)
            self.proxy = proxy
            buffer.initialize(repeating: 0)
            try check(status)
        }

        deinit {
            if let proxy { XGDMatrixFree(proxy) }
            buffer.deallocate()
        }

        static func from(_ iterator: UnsafeMutableRawPointer) -> RowBatches {
            Unmanaged<RowBatches>.fromOpaque(iterator).takeUnretainedValue()
        }

        func reset() { start = 0 }

        /// Hands the next batch to libxgboost.
        /// - Returns: 1, or 0 when there are no more rows.
        func next() -> Int32 {
            let count = min(Self.batchRows, labels.count - start)
            guard count > 0, failure == nil else { return 0 }
            let width = FeatureSchema.count
            for row in 0..<count {
                fill(
                    start + row, UnsafeMutableBufferPointer(rebasing: buffer[(row * width)..<((row + 1) * width)]))
            }
            func interface(_ start: UnsafePointer<Float>?, _ shape: String) -> String {
                "{\"data\": [\(UInt(bitPattern: start)), true], \"shape\": [\(shape)], \"typestr\": \"<f4\", \"version\": 3}"
            }
            do throws(TrainingError) {
                try check(
                    XGProxyDMatrixSetDataDense(
                        proxy, interface(UnsafePointer(buffer.baseAddress), "\(count), \(width)")))
                for (name, values) in [("label", labels), ("weight", weights)] {
                    let status = values.withUnsafeBufferPointer { values in
                        XGDMatrixSetInfoFromInterface(
                            proxy, name, interface(values.baseAddress.map { $0 + start }, "\(count)"))
                    }
                    try check(status)
                }
            } catch {
                failure = error
                return 0
            }
            start += count
            return 1
        }
    }
}
