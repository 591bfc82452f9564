import Customers

/// The records of a partition's snapshot: a customer's, or one of the label join's.
///
///     customer     identifier (counted, not empty), state (counted; empty for one who was removed)
///     label join   0, number (varint), content (counted; empty for a record that was removed)
package enum SnapshotRecord {
    /// Appends a record of the label join; without content where it was removed.
    package static func append(labelJoin number: UInt64, _ content: [UInt8], to writer: inout ByteWriter) {
        writer.varint(0)
        writer.varint(number)
        content.withUnsafeBytes { writer.counted($0) }
    }

    /// Reads the next record if it is one of the label join.
    /// - Returns: `nil` when a customer's record comes next, which is left to be read.
    /// - Throws: `StateError` when the bytes end too early.
    package static func labelJoin(
        _ reader: inout ByteReader
    ) throws(StateError) -> (number: UInt64, content: UnsafeRawBufferPointer)? {
        guard reader.first == 0 else { return nil }
        _ = try reader.varint()
        return (try reader.varint(), try reader.counted())
    }
}
