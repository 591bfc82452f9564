import CXGBoost
import Features

/// Rows in the bins that libxgboost's histogram method looks at, a byte a value, and not the values: they are handed over
/// in pieces and not copied as a whole (XGBoost's QuantileDMatrix).
final class QuantileMatrix: BoosterData {
    private(set) var handle: DMatrixHandle?

    /// - Parameters:
    ///   - labels, weights: one a row.
    ///   - bins: the same as `max_bin` in training.
    ///   - fill: writes the row at a place into `FeatureSchema.count` floats.
    init(
        labels: [Bool], weights: [Float], bins: Int, threads: Int,
        fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
    ) throws(TrainingError) {
        try withoutActuallyEscaping(fill) { fill throws(TrainingError) in
            let pieces = try Pieces(labels: labels.map { $0 ? 1 : 0 }, weights: weights, fill: fill)
            let configuration = "{\"missing\": NaN, \"nthread\": \(threads), \"max_bin\": \(bins)}"
            let iterator = Unmanaged.passUnretained(pieces).toOpaque()
            let status = XGQuantileDMatrixCreateFromCallback(
                iterator, pieces.proxy, nil,
                { if let iterator = $0 { Pieces.from(iterator).reset() } },
                { $0.map { Pieces.from($0).next() } ?? 0 }, configuration, &handle)
            if let failure = pieces.failure { throw failure }
            try check(status)
        }
        try nameFeatures()
    }

    deinit { XGDMatrixFree(handle) }

    /// The rows, some thousands at a time, as libxgboost asks for them: it walks over them more than once.
    private final class Pieces {
        private static let rows = 8192

        let proxy: DMatrixHandle?
        private(set) var failure: TrainingError?
        private let labels: [Float]
        private let weights: [Float]
        private let fill: (Int, UnsafeMutableBufferPointer<Float>) -> Void
        private let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * FeatureSchema.count)
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

        static func from(_ iterator: UnsafeMutableRawPointer) -> Pieces {
            Unmanaged<Pieces>.fromOpaque(iterator).takeUnretainedValue()
        }

        func reset() { start = 0 }

        /// - Returns: 0 at the end.
        func next() -> Int32 {
            let count = min(Self.rows, labels.count - start)
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
