import CRDKafka

/// The headers of one received message, in order; names may repeat. Valid as long as the message is.
package struct MessageHeaders: RandomAccessCollection {
    /// One header.
    package struct Element {
        /// The header's name.
        package let name: String
        /// The header's value, or nil for null.
        package let value: UnsafeRawBufferPointer?
    }

    /// Nil for a message without headers.
    let handle: OpaquePointer?

    /// Position of the first header.
    package var startIndex: Int { 0 }
    /// How many headers there are.
    package var endIndex: Int { handle.map { rd_kafka_header_cnt($0) } ?? 0 }

    /// The header at a position. Makes a string of its name.
    package subscript(position: Int) -> Element {
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        guard let handle, rd_kafka_header_get_all(handle, position, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let name
        else { preconditionFailure("header \(position) of \(count)") }
        return Element(
            name: String(cString: name), value: value.map { UnsafeRawBufferPointer(start: $0, count: size) })
    }

    /// The value of the last header of that name; nil if there is none or its value is null. Linear in their number;
    /// makes no strings.
    package subscript(name: String) -> UnsafeRawBufferPointer? {
        guard let handle else { return nil }
        var value: UnsafeRawPointer?
        var size = 0
        guard rd_kafka_header_get_last(handle, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let value else {
            return nil
        }
        return UnsafeRawBufferPointer(start: value, count: size)
    }
}
