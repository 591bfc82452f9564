import Customers

/// What the records of a snapshot are: a customer's, or some graded predictions.
///
///     customer   identifier (counted, not empty), state (counted; empty for one who is gone)
///     grading    0, number (varint), content (counted; empty for what is gone)
enum SnapshotRecord {
    static func append(grading number: UInt64, _ content: [UInt8], to writer: inout ByteWriter) {
        writer.varint(0)
        writer.varint(number)
        content.withUnsafeBytes { writer.counted($0) }
    }

    /// - Returns: `nil` when a customer's record comes next; it has still to be read.
    static func grading(
        _ reader: inout ByteReader
    ) throws(StateError) -> (number: UInt64, content: UnsafeRawBufferPointer)? {
        guard reader.first == 0 else { return nil }
        _ = try reader.varint()
        return (try reader.varint(), try reader.counted())
    }
}
