import CRDKafka

/// A view of one message in a `MessageBatch`: a pointer, free to copy.
///
/// It, and every buffer that it hands out, is valid until the batch is released or polled into again. Nothing here
/// allocates except `topicName`.
public struct Message {
    @usableFromInline let pointer: UnsafeMutablePointer<rd_kafka_message_t>

    @inlinable
    init(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) {
        self.pointer = pointer
    }

    /// The partition's number.
    @inlinable public var partition: Int32 { pointer.pointee.partition }

    /// The message's place in its partition.
    @inlinable public var offset: Int64 { pointer.pointee.offset }

    /// The topic's name. Allocates if it is longer than 15 bytes.
    package var topicName: String { String(cString: rd_kafka_topic_name(pointer.pointee.rkt)) }

    /// The topic and the partition. Costs what `topicName` costs.
    package var topicPartition: TopicPartition { TopicPartition(topic: topicName, partition: partition) }

    /// The key, or nil for a null key. An empty key is an empty buffer.
    @inlinable public var key: UnsafeRawBufferPointer? {
        guard let start = pointer.pointee.key else { return nil }
        return UnsafeRawBufferPointer(start: start, count: pointer.pointee.key_len)
    }

    /// The value, or nil for a null value (a tombstone). An empty value is an empty buffer.
    @inlinable public var value: UnsafeRawBufferPointer? {
        guard let start = pointer.pointee.payload else { return nil }
        return UnsafeRawBufferPointer(start: start, count: pointer.pointee.len)
    }

    /// When the message was made or appended, as the topic is configured, in milliseconds since 1970; nil if the
    /// message carries no time.
    package var timestampMilliseconds: Int64? {
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = rd_kafka_message_timestamp(pointer, &kind)
        return kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? nil : time
    }

    /// All headers in order. They are parsed when first asked for.
    package var headers: MessageHeaders {
        var handle: OpaquePointer?
        let code = rd_kafka_message_headers(pointer, &handle)
        return MessageHeaders(handle: code == RD_KAFKA_RESP_ERR_NO_ERROR ? handle : nil)
    }

    /// The value of the last header of that name; nil if there is none or its value is null.
    package func header(_ name: String) -> UnsafeRawBufferPointer? { headers[name] }
}
