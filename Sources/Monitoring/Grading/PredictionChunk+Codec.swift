import Customers
import Events

/// A chunk's bytes: count, then each prediction.
///
///     time, offset       varint
///     customer, invoice  64-bit hashes
///     version, label     varint
///     probabilities      five 64-bit floats
extension PredictionChunk {
    private static let bytesEach = 60

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(count))
        for prediction in predictions {
            writer.signed(prediction.time)
            writer.signed(prediction.offset)
            writer.word64(prediction.customerHash)
            writer.word64(prediction.invoiceHash)
            writer.varint(UInt64(prediction.version))
            writer.varint(UInt64(prediction.label.rawValue))
            for index in prediction.probabilities.indices { writer.word64(prediction.probabilities[index].bitPattern) }
        }
    }

    /// Appends a chunk's predictions.
    static func decode(
        _ reader: inout ByteReader, versions: Int, into predictions: inout [GradedPrediction]
    ) throws(StateError) {
        let count = try reader.count(ofAtLeast: bytesEach)
        guard count <= limit else { throw StateError("\(count) predictions in a chunk") }
        for _ in 0..<count {
            let time = try reader.signed()
            let offset = try reader.signed()
            let customerHash = try reader.word64()
            let invoiceHash = try reader.word64()
            let version = try reader.varint()
            let label = try reader.varint()
            guard (0...EventTime.latest).contains(time), version < UInt64(versions),
                let label = UInt8(exactly: label).flatMap(GradedPrediction.Label.init)
            else {
                throw StateError("a prediction that cannot be")
            }
            var probabilities = InlineArray<5, Double>(repeating: 0)
            for index in 0..<5 {
                probabilities[index] = Double(bitPattern: try reader.word64())
                guard (0...1).contains(probabilities[index]) else { throw StateError("a probability beyond 0...1") }
            }
            predictions.append(
                GradedPrediction(
                    time: time, offset: offset, customerHash: customerHash, invoiceHash: invoiceHash,
                    probabilities: probabilities, version: UInt16(version), label: label))
        }
        guard reader.isAtEnd else { throw StateError("a chunk with bytes left over") }
    }
}
