/// Messages with customer events, in the order of the stream.
package protocol EventSource: AnyObject {
    /// The next message as it stands on a topic, `nil` at the end. It is valid until the next call.
    func nextMessage() throws(HistoryError) -> UnsafeRawBufferPointer?
    /// How much of the whole has been read, 0 to 1; `nil` where that is not known.
    var share: Double? { get }
}
