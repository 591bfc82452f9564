/// A header to send with a message. Make it once and reuse it: sending it then allocates nothing on the Swift side.
package struct Header: Sendable, Hashable {
    /// The name in UTF-8.
    package let name: [UInt8]
    /// The value, or nil for null.
    package let value: [UInt8]?

    /// A header with a value of bytes.
    package init(_ name: String, value: [UInt8]?) {
        self.name = Array(name.utf8)
        self.value = value
    }

    /// A header with a value of text, sent as UTF-8.
    package init(_ name: String, _ value: String) {
        self.init(name, value: Array(value.utf8))
    }
}
