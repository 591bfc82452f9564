import Customers
import Events

/// A chunk's bytes: the count (varint), then each prediction.
///
///     time, offset       varint, zigzag
///     customer, invoice  64-bit hashes
///     version            varint
///     label, line, parts varint: the label in its two lowest bits, then 16 of the line
///     probabilities      five 64-bit floats
extension PredictionChunk {
    /// Fewest bytes of a prediction.
    private static let bytesEach = 60

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(count))
        for prediction in predictions {
            writer.signed(prediction.time)
            writer.signed(prediction.offset)
            writer.word64(prediction.customerHash)
            writer.word64(prediction.invoiceHash)
            writer.varint(UInt64(prediction.version))
            writer.varint(
                UInt64(prediction.slices) << 18 | UInt64(prediction.line) << 2 | UInt64(prediction.label.rawValue))
            for index in prediction.probabilities.indices { writer.word64(prediction.probabilities[index].bitPattern) }
        }
    }

    /// Appends a chunk's predictions to an array.
    /// - Parameter versions: number of model versions that they may refer to.
    /// - Throws: `StateError` when the bytes are damaged.
    static func decode(
        _ reader: inout ByteReader, versions: Int, into predictions: inout [LabeledPrediction]
    ) throws(StateError) {
        let count = try reader.count(ofAtLeast: bytesEach)
        guard count <= limit else { throw StateError("\(count) predictions in a chunk") }
        for _ in 0..<count {
            let time = try reader.signed()
            let offset = try reader.signed()
            let customerHash = try reader.word64()
            let invoiceHash = try reader.word64()
            let version = try reader.varint()
            let labelAndLine = try reader.varint()
            guard (0...EventTime.latest).contains(time), version < UInt64(versions),
                let label = LabeledPrediction.Label(rawValue: UInt8(labelAndLine & 3)),
                let slices = UInt16(exactly: labelAndLine >> 18)
            else {
                throw StateError("an impossible prediction")
            }
            var probabilities = InlineArray<5, Double>(repeating: 0)
            for index in 0..<5 {
                probabilities[index] = Double(bitPattern: try reader.word64())
                guard (0...1).contains(probabilities[index]) else { throw StateError("a probability outside 0...1") }
            }
            predictions.append(
                LabeledPrediction(
                    time: time, offset: offset, customerHash: customerHash, invoiceHash: invoiceHash,
                    probabilities: probabilities, version: UInt16(version), label: label,
                    line: UInt16(truncatingIfNeeded: labelAndLine >> 2), slices: slices))
        }
        guard reader.isAtEnd else { throw StateError("a chunk with bytes left over") }
    }
}
