import Events

/// A message by which a log is known again: another one at this offset means another log under the same name.
package struct LogMark: Equatable, Sendable {
    /// The message's offset.
    package let offset: Int64
    /// The message's timestamp, milliseconds; -1 without one.
    package let timestamp: Int64
    /// XXH64 of the message's value.
    package let hash: UInt64

    /// A mark as it was written.
    package init(offset: Int64, timestamp: Int64, hash: UInt64) {
        self.offset = offset
        self.timestamp = timestamp
        self.hash = hash
    }

    /// The mark of a message.
    /// - Complexity: O(bytes of the value).
    package init(offset: Int64, timestampMilliseconds: Int64?, value: UnsafeRawBufferPointer?) {
        self.init(
            offset: offset, timestamp: timestampMilliseconds ?? -1,
            hash: contentHash(value ?? UnsafeRawBufferPointer(start: nil, count: 0)))
    }
}
