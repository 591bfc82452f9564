import CRDKafka

/// Sends messages, optionally in transactions.
///
/// One thread owns it: it is not Sendable. Sending is asynchronous; `flush` or a transaction's commit tells whether the
/// messages have been delivered. Close it when done: messages that have not been flushed by then are dropped.
package final class Producer {
    let client: Client
    private let queueFullTimeoutMilliseconds: Int
    private let fields: ProduceFields
    private var topics: [String: Topic] = [:]

    /// Makes a producer; it connects in the background.
    ///
    /// - Parameters:
    ///   - properties: librdkafka's properties, such as `bootstrap.servers`, `linger.ms`, `partitioner`,
    ///     `enable.idempotence`, `transactional.id`.
    ///   - queueFullTimeoutMilliseconds: How long `produce` may wait for room in a full local queue.
    ///   - onError: Called on the polling thread with errors of the client as a whole, such as a lost connection. They are
    ///     informational: librdkafka reconnects by itself.
    ///   - onLog: Called on any thread of librdkafka's with each line of its log; dropped by default.
    /// - Throws: `KafkaError` naming the property if one is unknown or has a bad value.
    package init(
        properties: [String: String],
        queueFullTimeoutMilliseconds: Int = 30_000,
        onError: @escaping @Sendable (KafkaError) -> Void = { _ in },
        onLog: @escaping @Sendable (LogLine) -> Void = { _ in }
    ) throws(KafkaError) {
        self.queueFullTimeoutMilliseconds = queueFullTimeoutMilliseconds
        fields = ProduceFields()
        let context = CallbackContext(properties: properties, onError: onError, onLog: onLog)
        client = try Client(RD_KAFKA_PRODUCER, properties: properties, context: context) { configuration in
            rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
                guard let message, let opaque else { return }
                CallbackContext.from(opaque).deliveries.count(message)
            }
        }
    }

    deinit { close() }

    /// The handle of a topic to send to; the same object for the same name. The topic need not exist yet.
    ///
    /// - Throws: `KafkaError` if the name is not valid.
    package func topic(named name: String) throws(KafkaError) -> Topic {
        if let topic = topics[name] { return topic }
        guard let handle = rd_kafka_topic_new(client.handle, name, nil) else {
            throw client.error(rd_kafka_last_error(), operation: "open topic \(name)")
        }
        let topic = Topic(name: name, handle: handle)
        topics[name] = topic
        return topic
    }

    /// Queues a message for sending. Key, value and headers are copied.
    ///
    /// If the local queue is full, delivery reports are served until there is room.
    ///
    /// - Parameters:
    ///   - topic: A topic of this producer.
    ///   - partition: The partition; nil leaves it to the property `partitioner`.
    ///   - key: The key, or nil for null.
    ///   - value: The value, or nil for null (a tombstone).
    ///   - headers: Headers in order.
    ///   - timestampMilliseconds: The message's time in milliseconds since 1970; nil for now.
    /// - Throws: `KafkaError`: `_QUEUE_FULL` to retry, `MSG_SIZE_TOO_LARGE` and `_UNKNOWN_PARTITION` as fatal (fatal for
    ///   this message: the producer lives on unless `isFatal`), or why the open transaction has failed.
    package func produce(
        to topic: Topic, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: [Header] = [], timestampMilliseconds: Int64? = nil
    ) throws(KafkaError) {
        let partition = partition ?? -1
        let isPlain = headers.isEmpty && timestampMilliseconds == nil
        try whileThereIsNoRoom {
            isPlain
                ? producePlain(to: topic, partition, key, value)
                : fields.produce(
                    client.handle, topic, partition, key, value, fields.makeList(headers), timestampMilliseconds ?? 0)
        }
    }

    /// Queues a message with one header. For streams: allocates nothing but what librdkafka keeps.
    ///
    /// - Parameters:
    ///   - topic: A topic of this producer; the property `partitioner` chooses the partition.
    ///   - key: The key, or nil for null.
    ///   - value: The value, or nil for null (a tombstone).
    ///   - header: The header's name.
    ///   - content: The header's value, which is copied too.
    /// - Throws: As the other `produce`.
    package func produce(
        to topic: Topic, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, header: StaticString,
        _ content: UnsafeRawBufferPointer
    ) throws(KafkaError) {
        try whileThereIsNoRoom {
            fields.produce(client.handle, topic, -1, key, value, fields.makeList(header, content), 0)
        }
    }

    /// Repeats an attempt and serves delivery reports while the local queue is full.
    private func whileThereIsNoRoom(_ attempt: () -> KafkaError?) throws(KafkaError) {
        guard var error = attempt() else { return }
        let deadline = Deadline(milliseconds: queueFullTimeoutMilliseconds)
        while error.code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue, !deadline.isPast {
            rd_kafka_poll(client.handle, min(100, deadline.remainingMilliseconds))
            guard let again = attempt() else { return }
            error = again
        }
        throw Client.fatalError(
            of: client.handle, ifBehind: rd_kafka_resp_err_t(error.code), operation: error.operation) ?? error
    }

    /// Messages acknowledged so far, as far as reports have been served.
    package var delivered: Int { client.context.deliveries.delivered }

    /// Messages whose delivery has failed for good, as far as reports have been served.
    package var failed: Int { client.context.deliveries.failed }

    /// Why the first of the failed messages failed, since the last `flush`, `beginTransaction` or `abortTransaction`.
    package var deliveryError: KafkaError? { client.context.deliveries.firstError }

    /// The records that were refused for good since the last call, as far as reports have been served: at most 1,000.
    package func takeRefused() -> [RefusedRecord] {
        defer { client.context.deliveries.refused.removeAll() }
        return client.context.deliveries.refused
    }

    /// Messages and requests that are queued or in flight, and delivery reports that have not been served yet.
    package var outstanding: Int { Int(rd_kafka_outq_len(client.handle)) }

    /// Serves delivery reports and client errors.
    ///
    /// - Parameter timeoutMilliseconds: How long to wait for a first one.
    /// - Returns: How many were served.
    @discardableResult
    package func poll(timeoutMilliseconds: Int = 0) -> Int {
        Int(rd_kafka_poll(client.handle, Int32(clamping: timeoutMilliseconds)))
    }

    /// Sends everything now, whatever `linger.ms` says, and waits until each message has been delivered or has failed.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry`, if messages remain after the timeout; otherwise the
    ///   `deliveryError`, if there is one. Throwing it resets it.
    package func flush(timeoutMilliseconds: Int) throws(KafkaError) {
        let code = rd_kafka_flush(client.handle, Int32(clamping: timeoutMilliseconds))
        if code == RD_KAFKA_RESP_ERR__TIMED_OUT {
            throw client.error(
                code, operation: "flush", reason: "\(outstanding) messages remain after \(timeoutMilliseconds) ms")
        }
        try client.check(code, "flush")
        if let error = deliveryError {
            forgetDeliveryError()
            throw error
        }
    }

    /// Frees everything. Messages that have not been delivered are dropped, and an open transaction is left for the broker
    /// to abort after its timeout. Closing again does nothing; any other call afterwards is a bug of the caller.
    package func close() {
        guard client.isOpen else { return }
        for topic in topics.values { topic.destroy() }
        topics.removeAll()
        client.destroy()
    }

    func forgetDeliveryError() { client.context.deliveries.firstError = nil }

    /// Sends a message without headers and timestamp, which needs no table of fields.
    private func producePlain(
        to topic: Topic, _ partition: Int32, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?
    ) -> KafkaError? {
        let key = fields.address(of: key)
        let value = fields.address(of: value)
        let outcome = rd_kafka_produce(
            topic.handle, partition, ProduceFields.copy, value.start, value.count, key.start, key.count, nil)
        return outcome == 0 ? nil : KafkaError(rd_kafka_last_error(), operation: "produce to \(topic.name)")
    }
}
