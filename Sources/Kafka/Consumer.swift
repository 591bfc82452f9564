import CRDKafka

/// A member of a consumer group that hands out messages in batches.
///
/// One thread owns it: it is not Sendable, and every call, those of the rebalance handler included, happens on that thread.
/// Close it when done. A consumer that is released without `close` leaves its group without telling the handler.
package final class Consumer {
    /// Told of assignments and revocations. Held weakly, because whoever handles them usually owns the consumer.
    package weak var rebalanceHandler: (any RebalanceHandler)?

    let client: Client
    var errorsToReport: [KafkaError] = []
    let queue: OpaquePointer
    /// Lets other threads end a poll's waiting.
    package let waker: Waker
    private var batches: [MessageBatch] = []
    private var hasSubscribed = false
    var hasBeenAssigned = false
    var pendingRebalances: [Rebalance] = []
    var isServingRebalance = false
    var isClosing = false

    /// Makes a consumer; it connects in the background.
    ///
    /// - Parameters:
    ///   - properties: librdkafka's properties. `group.id` is required. Unless they are given, `enable.auto.commit` is
    ///     `false`, because an offset should be committed only after its message has been processed, and
    ///     `receive.message.max.bytes` the largest there is: some brokers answer with more than they are asked for, and
    ///     librdkafka would ask them the same again for ever.
    ///   - rebalanceHandler: Told of assignments and revocations; held weakly.
    ///   - onError: Called on a thread of librdkafka's or the polling thread with what happens to the client as a
    ///     whole, such as a lost connection. These are informational: librdkafka reconnects by itself.
    ///   - onLog: Called on any thread of librdkafka's with each line of its log; dropped by default.
    /// - Throws: `KafkaError` naming the property if one is unknown or has a bad value.
    package init(
        properties: [String: String],
        rebalanceHandler: (any RebalanceHandler)? = nil,
        onError: @escaping @Sendable (KafkaError) -> Void = { _ in },
        onLog: @escaping @Sendable (LogLine) -> Void = { _ in }
    ) throws(KafkaError) {
        let properties = properties.merging([
            "enable.auto.commit": "false", "receive.message.max.bytes": "\(Int32.max)",
        ]) { given, _ in given }
        let context = CallbackContext(properties: properties, onError: onError, onLog: onLog)
        client = try Client(RD_KAFKA_CONSUMER, properties: properties, context: context) { configuration in
            rd_kafka_conf_set_rebalance_cb(configuration) { handle, code, partitions, opaque in
                guard let handle, let opaque else { return }
                let rebalance = Rebalance(code: code, partitions: partitions?.offsets.map(\.partition) ?? [])
                if let consumer = CallbackContext.from(opaque).consumer {
                    consumer.receive(rebalance)
                } else {
                    _ = rebalance.complete(on: handle, startingAt: [])
                }
            }
        }
        // Client-level events then reach the same queue, so that one poll serves everything.
        let code = rd_kafka_poll_set_consumer(client.handle)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let queue = rd_kafka_queue_get_consumer(client.handle) else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, operation: "create consumer", reason: "group.id is not set")
        }
        self.queue = queue
        waker = Waker(queue)
        self.rebalanceHandler = rebalanceHandler
        context.consumer = self
    }

    deinit { close() }

    /// Joins the group for these topics, in place of any earlier ones. The assignment arrives during later polls.
    ///
    /// - Throws: `KafkaError` if librdkafka refuses the topics; a topic that does not exist shows up in `MessageBatch.errors`.
    package func subscribe(to topics: [String]) throws(KafkaError) {
        hasSubscribed = true
        let list = PartitionList(topics.map { TopicPartition(topic: $0, partition: -1) })
        try client.check(
            rd_kafka_subscribe(client.handle, list.pointer), "subscribe to \(topics.joined(separator: ", "))")
    }

    /// Whether a rebalance of its group takes partitions one by one, and not all of them at first.
    package var isCooperative: Bool { String(cString: rd_kafka_rebalance_protocol(client.handle)) == "COOPERATIVE" }

    /// Reads these partitions from these offsets, without joining a group.
    ///
    /// - Throws: `KafkaError` if librdkafka refuses the partitions.
    package func assign(_ offsets: [PartitionOffset]) throws(KafkaError) {
        let list = PartitionList(offsets)
        try client.check(rd_kafka_assign(client.handle, list.pointer), "assign partitions")
    }

    /// Fills a batch with the messages that are there.
    ///
    /// Waits only for the first message, and adds what else has been fetched by then; it does not wait for a full batch.
    /// Call it more often than `max.poll.interval.ms`, or the group takes the partitions away. A rebalance is served before
    /// this returns.
    ///
    /// - Parameters:
    ///   - batch: Where the messages go; what it held is released first. The consumer keeps it until `close`.
    ///   - timeoutMilliseconds: How long to wait for a first message.
    /// - Throws: `KafkaError` if the consumer has failed for good. Errors that it survives are in `batch.errors`.
    package func poll(into batch: MessageBatch, timeoutMilliseconds: Int) throws(KafkaError) {
        precondition(!isServingRebalance, "a rebalance handler must not poll")
        _ = client.handle
        batch.release()
        keep(batch)

        // The C call waits until its buffer is full or the time is over, so the waiting call gets room for one message.
        var received = receive(into: batch, from: 0, limit: batch.capacity, timeoutMilliseconds: 0)
        if received == 0, pendingRebalances.isEmpty, timeoutMilliseconds > 0 {
            received = receive(into: batch, from: 0, limit: 1, timeoutMilliseconds: timeoutMilliseconds)
            if received == 1, pendingRebalances.isEmpty, batch.capacity > 1 {
                received += receive(into: batch, from: 1, limit: batch.capacity - 1, timeoutMilliseconds: 0)
            }
        }
        batch.accept(received, without: servePendingRebalances())
        try reportErrors(in: batch)
    }

    /// Leaves the group: serves the last revocation through the handler, then frees everything.
    ///
    /// Batches that this consumer has filled are emptied. Closing again does nothing; any other call afterwards is a
    /// bug of the caller.
    ///
    /// - Parameter timeoutMilliseconds: How long to wait for the coordinator. After that the group has to notice by its
    ///   session timeout that this member is gone, and a background thread frees the rest.
    package func close(timeoutMilliseconds: Int = 10_000) {
        guard client.isOpen, !isClosing else { return }
        precondition(!isServingRebalance, "a rebalance handler must not close its consumer")
        isClosing = true
        if wouldAbort {
            client.abandon()
            return
        }
        // librdkafka's destroy waits until all messages have been released.
        for batch in batches { batch.release() }
        batches.removeAll()
        let isClosed = leaveGroup(Deadline(milliseconds: timeoutMilliseconds))
        waker.close()
        rd_kafka_queue_destroy(queue)
        if isClosed {
            client.destroy()
        } else {
            client.context.consumer = nil
            client.destroyInBackground()
        }
    }

    /// librdkafka before 2.3 aborts the process when a member that waits for its first assignment is closed
    /// (https://github.com/confluentinc/librdkafka/issues/4312). Such a client is leaked until the process ends.
    private var wouldAbort: Bool { rd_kafka_version() < 0x0203_0000 && hasSubscribed && !hasBeenAssigned }

    /// Serves the events of closing, above all rebalances, until the group has been left.
    ///
    /// - Returns: False if the time was over before that.
    private func leaveGroup(_ deadline: Deadline) -> Bool {
        // The blocking C call has no timeout: it would wait for commits that no coordinator ever answers.
        let events = rd_kafka_queue_new(client.handle)
        defer { rd_kafka_queue_destroy(events) }
        if let error = rd_kafka_consumer_close_queue(client.handle, events) {
            client.context.onError(KafkaError(consuming: error, operation: "close consumer"))
            return false
        }
        var message: UnsafeMutablePointer<rd_kafka_message_t>?
        while rd_kafka_consumer_closed(client.handle) == 0, !deadline.isPast {
            let received = rd_kafka_consume_batch_queue(events, min(50, deadline.remainingMilliseconds), &message, 1)
            if received > 0 { rd_kafka_message_destroy(message) }
        }
        return rd_kafka_consumer_closed(client.handle) != 0
    }

    private func receive(into batch: MessageBatch, from: Int, limit: Int, timeoutMilliseconds: Int) -> Int {
        max(
            0,
            rd_kafka_consume_batch_queue(
                queue, Int32(clamping: timeoutMilliseconds), batch.slots + from, limit))
    }

    private func keep(_ batch: MessageBatch) {
        if batches.last !== batch, !batches.contains(where: { $0 === batch }) { batches.append(batch) }
    }

    private func reportErrors(in batch: MessageBatch) throws(KafkaError) {
        for error in errorsToReport { batch.add(error) }
        errorsToReport.removeAll(keepingCapacity: true)
        guard !batch.errors.isEmpty else { return }
        for error in batch.errors where error.code == RD_KAFKA_RESP_ERR__FATAL.rawValue {
            throw client.error(RD_KAFKA_RESP_ERR__FATAL, operation: error.operation)
        }
    }
}
