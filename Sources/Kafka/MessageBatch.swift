import CRDKafka

/// A reusable buffer that `Consumer.poll` fills with messages.
///
/// It holds pointers into librdkafka's own fetch buffers: nothing is copied, and nothing is allocated per message.
/// Those buffers stay in memory until `release()` or the next poll.
public final class MessageBatch {
    /// The most messages that one poll returns.
    package let capacity: Int

    /// How many messages the last poll has returned. Read for every message, by the one thread that polls.
    @exclusivity(unchecked) public private(set) var count = 0

    /// Errors that arrived in place of messages: a topic that does not exist, an offset out of range, an exceeded
    /// `max.poll.interval.ms`. None of them ends the consumer; each says by its remedy what to do.
    package private(set) var errors: [KafkaError] = []

    /// Partitions of which the end has been reached, with the offset of the end. Filled only if the property
    /// `enable.partition.eof` is `true`.
    package private(set) var ends: [PartitionOffset] = []

    @usableFromInline let slots: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>

    /// Makes an empty batch; 8 bytes a message of capacity.
    package init(capacity: Int) {
        precondition(capacity > 0, "a batch holds at least one message")
        self.capacity = capacity
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: nil, count: capacity)
    }

    deinit {
        release()
        slots.deallocate()
    }

    /// No messages. There may still be `errors`.
    package var isEmpty: Bool { count == 0 }

    /// The message at a position below `count`, in the order of arrival: offsets of one partition ascend.
    @inlinable
    public subscript(position: Int) -> Message {
        precondition(position >= 0 && position < count, "message index out of range")
        return Message(slots[position].unsafelyUnwrapped)
    }

    /// Returns all messages to librdkafka and clears the errors. No `Message` of this batch may be used afterwards.
    package func release() {
        for position in 0..<count {
            rd_kafka_message_destroy(slots[position])
            slots[position] = nil
        }
        count = 0
        errors.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// Accepts the messages that the C call has written into the slots: errors go to `errors`, and messages of partitions
    /// that were revoked meanwhile are destroyed.
    func accept(_ received: Int, without revoked: Set<TopicPartition>) {
        var kept = 0
        for position in 0..<received {
            guard let pointer = slots[position] else { continue }
            slots[position] = nil
            if pointer.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
                note(pointer.pointee)
            } else if revoked.isEmpty || !revoked.contains(Message(pointer).topicPartition) {
                slots[kept] = pointer
                kept += 1
                continue
            }
            rd_kafka_message_destroy(pointer)
        }
        count = kept
    }

    func add(_ error: KafkaError) { errors.append(error) }

    private func note(_ message: rd_kafka_message_t) {
        let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) }
        if message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF, let topic {
            ends.append(PartitionOffset(topic: topic, partition: message.partition, offset: message.offset))
            return
        }
        // The payload of an error is its text.
        let reason = message.payload.map {
            String(decoding: UnsafeRawBufferPointer(start: $0, count: message.len), as: UTF8.self)
        }
        let place = topic.map { message.partition < 0 ? " \($0)" : " \($0)[\(message.partition)]" }
        errors.append(KafkaError(message.err, operation: "consume" + (place ?? ""), reason: reason))
    }
}
