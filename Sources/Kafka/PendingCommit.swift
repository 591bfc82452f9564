import CRDKafka

/// A commit of offsets that has been sent. Release it before its consumer is closed; the commit may arrive nevertheless.
package final class PendingCommit {
    static let operation = "commit offsets"

    private let client: Client
    /// The blocking C call has no timeout. A queue of our own for the answer allows one.
    let answers: OpaquePointer?

    init(of client: Client) {
        self.client = client
        answers = rd_kafka_queue_new(client.handle)
    }

    deinit { rd_kafka_queue_destroy(answers) }

    /// Whether the commit has succeeded. The answer is returned only once.
    ///
    /// - Parameter timeoutMilliseconds: How long to wait for the answer.
    /// - Returns: `nil` while there is no answer; a failure has the remedy `.rejoin` if the group has moved on without this
    ///   member.
    package func outcome(timeoutMilliseconds: Int = 0) -> Result<Void, KafkaError>? {
        guard let event = rd_kafka_queue_poll(answers, Int32(clamping: timeoutMilliseconds)) else { return nil }
        defer { rd_kafka_event_destroy(event) }
        return Result { () throws(KafkaError) in
            try client.check(rd_kafka_event_error(event), Self.operation)
            if let results = rd_kafka_event_topic_partition_list(event), let error = results.firstError(Self.operation)
            {
                throw error
            }
        }
    }
}
