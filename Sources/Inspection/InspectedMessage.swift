import Events

/// A message that is looked at, or a row of a CSV file as a JSON object of texts.
package struct InspectedMessage: Sendable {
    /// The key; `nil` where there is none.
    package let key: [UInt8]?
    /// The value; `nil` for a tombstone.
    package let value: [UInt8]?
    /// The message's own time, milliseconds since 1970; `nil` where it has none.
    package let timestamp: Int64?
    /// Its partition; 0 for what comes from a file.
    package let partition: Int32

    /// A message of these parts.
    package init(key: [UInt8]? = nil, value: [UInt8]?, timestamp: Int64? = nil, partition: Int32 = 0) {
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.partition = partition
    }
}

extension EventFormat {
    /// Outlines of the messages that can be read.
    func outlines(of messages: [InspectedMessage]) -> [(message: InspectedMessage, outline: MessageOutline)] {
        let reader = OutlineReader(self)
        return messages.compactMap { message in
            guard let value = message.value else { return nil }
            return value.withUnsafeBytes { try? reader.outline(of: $0) }.map { (message, $0) }
        }
    }
}
