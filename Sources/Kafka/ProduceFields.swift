import CRDKafka

/// The table of tagged fields that `rd_kafka_produceva` takes, made once and filled in for each message.
///
/// Swift cannot call the variadic form; this one is an array of the same tags and values.
final class ProduceFields {
    /// Makes librdkafka copy key and value before it returns.
    static let copy: Int32 = 0x2

    private static let count = 7
    private let table: UnsafeMutablePointer<rd_kafka_vu_t>
    // To C, null and empty differ only in the pointer, and Swift's empty buffers may have none.
    private let empty: UnsafeMutableRawPointer

    init() {
        table = .allocate(capacity: Self.count)
        table.initialize(repeating: rd_kafka_vu_t(), count: Self.count)
        empty = .allocate(byteCount: 1, alignment: 1)
        table[0].vtype = RD_KAFKA_VTYPE_RKT
        table[1].vtype = RD_KAFKA_VTYPE_PARTITION
        table[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        table[2].u.i = Self.copy
        table[3].vtype = RD_KAFKA_VTYPE_KEY
        table[4].vtype = RD_KAFKA_VTYPE_VALUE
        table[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP
        table[6].vtype = RD_KAFKA_VTYPE_HEADERS
    }

    deinit {
        table.deallocate()
        empty.deallocate()
    }

    /// Null for nil, and never null for an empty buffer.
    func address(of bytes: UnsafeRawBufferPointer?) -> (start: UnsafeMutableRawPointer?, count: Int) {
        guard let bytes else { return (nil, 0) }
        return (bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) } ?? empty, bytes.count)
    }

    /// Queues one message; a timestamp of 0 means now. Takes over the list of headers.
    func produce(
        _ client: OpaquePointer, _ topic: Topic, _ partition: Int32, _ key: UnsafeRawBufferPointer?,
        _ value: UnsafeRawBufferPointer?, _ list: OpaquePointer?, _ timestampMilliseconds: Int64
    ) -> KafkaError? {
        let key = address(of: key)
        let value = address(of: value)
        table[0].u.rkt = topic.handle
        table[1].u.i32 = partition
        table[3].u.mem.ptr = key.start
        table[3].u.mem.size = key.count
        table[4].u.mem.ptr = value.start
        table[4].u.mem.size = value.count
        table[5].u.i64 = timestampMilliseconds
        table[6].u.headers = list
        guard let error = rd_kafka_produceva(client, table, list == nil ? Self.count - 1 : Self.count) else {
            return nil
        }
        // The library owns the headers only if it has taken the message.
        if let list { rd_kafka_headers_destroy(list) }
        return KafkaError(consuming: error, operation: "produce to \(topic.name)")
    }

    func makeList(_ name: StaticString, _ content: UnsafeRawBufferPointer) -> OpaquePointer? {
        let list = rd_kafka_headers_new(1)
        name.withUTF8Buffer { name in
            _ = rd_kafka_header_add(
                list, UnsafeRawPointer(name.baseAddress)?.assumingMemoryBound(to: CChar.self), name.count,
                UnsafeRawPointer(address(of: content).start), content.count)
        }
        return list
    }

    /// - Returns: Null if there are none.
    func makeList(_ headers: [Header]) -> OpaquePointer? {
        if headers.isEmpty { return nil }
        let list = rd_kafka_headers_new(headers.count)
        for header in headers {
            header.name.withUnsafeBytes { name in
                let start = name.baseAddress?.assumingMemoryBound(to: CChar.self)
                if let value = header.value {
                    value.withUnsafeBytes { value in
                        _ = rd_kafka_header_add(
                            list, start, name.count, UnsafeRawPointer(address(of: value).start), value.count)
                    }
                } else {
                    _ = rd_kafka_header_add(list, start, name.count, nil, 0)
                }
            }
        }
        return list
    }
}
