/// A message that repeats one that was no customer event before a fix.
///
/// Its original lies in the same partition and is an event by now. Whoever reads the log from before the original takes the
/// original in where it stands, and must not count the repetition.
package enum RedrivenMessage {
    /// The header that names the original's offset.
    package static let header = "redriven.offset"

    /// The offset of the original.
    /// - Parameter header: the value of the message's header; `nil` where it has none.
    /// - Returns: `nil` for a message that repeats nothing, or whose header is no number.
    package static func originalOffset(_ header: UnsafeRawBufferPointer?) -> Int64? {
        header.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    /// Whether a reader has taken the original in where it stands.
    /// - Parameters:
    ///   - original: the offset that the message at `offset` names.
    ///   - start: the first offset that the reader decodes as it does now.
    @inline(__always)
    package static func isInLog(_ original: Int64, before offset: Int64, from start: Int64) -> Bool {
        original >= start && original < offset
    }
}
