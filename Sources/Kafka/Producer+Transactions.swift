import CRDKafka

/// Transactions need the property `transactional.id`. All of these block up to their timeout and repeat, within it, what
/// librdkafka calls retriable. After a timeout the same call can be made again to go on waiting.
extension Producer {
    /// Fences earlier producers of the same `transactional.id` and finishes what they left open. Once, before the first
    /// transaction.
    package func initTransactions(timeoutMilliseconds: Int) throws(KafkaError) {
        try repeating("start transactions", timeoutMilliseconds) { rd_kafka_init_transactions(client.handle, $0) }
    }

    /// Opens a transaction: what is produced from here on is part of it. Local, does not block.
    package func beginTransaction() throws(KafkaError) {
        if let error = rd_kafka_begin_transaction(client.handle) {
            throw KafkaError(consuming: error, operation: "begin transaction")
        }
        forgetDeliveryError()
    }

    /// Makes a group's offsets part of the open transaction: they are committed if and when it is.
    ///
    /// - Parameters:
    ///   - offsets: For each partition the offset of the first message not yet processed.
    ///   - consumer: The group's member that has read them. If the group has moved on, this throws `.rejoin`.
    ///   - timeoutMilliseconds: How long to try.
    package func sendOffsets(
        _ offsets: [PartitionOffset], groupOf consumer: Consumer, timeoutMilliseconds: Int
    ) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        let list = PartitionList(offsets)
        try consumer.withGroupMetadata { group throws(KafkaError) in
            try repeating("send offsets to transaction", timeoutMilliseconds) {
                rd_kafka_send_offsets_to_transaction(client.handle, list.pointer, group, $0)
            }
        }
    }

    /// Flushes, then commits. On success everything of the transaction is visible, offsets included.
    ///
    /// - Throws: `KafkaError`. `.retry`: not known yet, call again. `.abortTransaction`: nothing will be visible; abort.
    ///   `.rejoin` with `isFatal`: a newer producer has taken over.
    package func commitTransaction(timeoutMilliseconds: Int) throws(KafkaError) {
        try repeating("commit transaction", timeoutMilliseconds) { rd_kafka_commit_transaction(client.handle, $0) }
    }

    /// Gives up everything of the open transaction, queued messages included.
    ///
    /// After a message that the broker has refused for good, librdkafka 2.0.2 lets the next transaction fail too, with
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`; its remedy is again an abort, and the one after that works.
    package func abortTransaction(timeoutMilliseconds: Int) throws(KafkaError) {
        try repeating("abort transaction", timeoutMilliseconds) { rd_kafka_abort_transaction(client.handle, $0) }
        // The messages that the abort itself has purged are no news.
        rd_kafka_poll(client.handle, 0)
        forgetDeliveryError()
    }

    /// Serves delivery reports between two attempts, which do nothing useful by themselves.
    private func repeating(
        _ operation: String, _ timeoutMilliseconds: Int, _ attempt: (Int32) -> OpaquePointer?
    ) throws(KafkaError) {
        let handle = client.handle
        let retry = Retry(
            timeoutMilliseconds: timeoutMilliseconds, pause: { rd_kafka_poll(handle, min(20, $0)) })
        try retry { remaining throws(KafkaError) in
            guard let raw = attempt(Int32(clamping: remaining)) else { return }
            throw KafkaError(consuming: raw, operation: operation, problem: client.context.problem)
        }
    }
}
