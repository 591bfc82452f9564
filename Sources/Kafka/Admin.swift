import CRDKafka

/// Creates and deletes topics, and describes consumer groups.
///
/// One thread owns it: it is not Sendable. Every call blocks until Kafka has answered or the time is over.
package final class Admin {
    let client: Client

    /// Makes a client; it connects in the background.
    ///
    /// - Parameter properties: librdkafka's properties, at least `bootstrap.servers`.
    /// - Throws: `KafkaError` naming the property if one is unknown or has a bad value.
    package init(properties: [String: String]) throws(KafkaError) {
        // A consumer's client never creates a topic by asking for it.
        let properties = properties.merging(["allow.auto.create.topics": "false"]) { $1 }
        client = try Client(
            RD_KAFKA_CONSUMER, properties: properties, context: CallbackContext(properties: properties))
    }

    /// Creates a topic and waits for the answer.
    ///
    /// - Parameters:
    ///   - name: The topic's name.
    ///   - partitions: How many partitions.
    ///   - replicationFactor: On how many brokers each partition is kept; -1 for the cluster's default.
    ///   - configuration: The topic's properties, such as `cleanup.policy`.
    ///   - timeoutMilliseconds: How long to wait for the answer.
    /// - Returns: False if there is such a topic already; it stays as it is.
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    @discardableResult
    package func createTopic(
        _ name: String, partitions: Int, replicationFactor: Int = -1, configuration: [String: String] = [:],
        timeoutMilliseconds: Int = 10_000
    ) throws(KafkaError) -> Bool {
        let operation = "create topic \(name)"
        let (made, reason) = Client.withReason {
            rd_kafka_NewTopic_new(name, Int32(clamping: partitions), Int32(clamping: replicationFactor), $0, $1)
        }
        guard let topic = made else {
            throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, operation: operation, reason: reason)
        }
        defer { rd_kafka_NewTopic_destroy(topic) }
        for (key, value) in configuration {
            try client.check(rd_kafka_NewTopic_set_config(topic, key, value), "\(operation) with \(key)")
        }
        return try request(RD_KAFKA_ADMIN_OP_CREATETOPICS, operation, timeoutMilliseconds) { options, answers in
            var list: OpaquePointer? = topic
            rd_kafka_CreateTopics(client.handle, &list, 1, options, answers)
        } result: { event in
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            return count > 0 ? results?[0] : nil
        } unless: {
            $0 == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS
        }
    }

    /// Deletes a topic and waits for the answer.
    ///
    /// - Returns: False if there was no such topic.
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    @discardableResult
    package func deleteTopic(_ name: String, timeoutMilliseconds: Int = 10_000) throws(KafkaError) -> Bool {
        let topic = rd_kafka_DeleteTopic_new(name)
        defer { rd_kafka_DeleteTopic_destroy(topic) }
        return try request(RD_KAFKA_ADMIN_OP_DELETETOPICS, "delete topic \(name)", timeoutMilliseconds) {
            var list = topic
            rd_kafka_DeleteTopics(client.handle, &list, 1, $0, $1)
        } result: { event in
            var count = 0
            let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
            return count > 0 ? results?[0] : nil
        } unless: {
            $0 == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
        }
    }

    /// How many partitions a topic has, or nil if there is no such topic. Never creates the topic.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func partitionCount(of topic: String, timeoutMilliseconds: Int) throws(KafkaError) -> Int? {
        try client.partitionCount(of: topic, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Frees everything. Closing again does nothing.
    package func close() { client.destroy() }

    /// Sends one request about one topic and reads its one result.
    ///
    /// - Returns: False if the result is the one error that is no failure.
    private func request(
        _ kind: rd_kafka_admin_op_t, _ operation: String, _ timeoutMilliseconds: Int,
        send: (_ options: OpaquePointer?, _ answers: OpaquePointer?) -> Void,
        result: (_ event: OpaquePointer) -> OpaquePointer?,
        unless isHarmless: (rd_kafka_resp_err_t) -> Bool
    ) throws(KafkaError) -> Bool {
        let timeout = Int32(clamping: timeoutMilliseconds)
        let options = rd_kafka_AdminOptions_new(client.handle, kind)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let (code, reason) = Client.withReason { rd_kafka_AdminOptions_set_request_timeout(options, timeout, $0, $1) }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: operation, reason: reason) }
        let answers = rd_kafka_queue_new(client.handle)
        defer { rd_kafka_queue_destroy(answers) }
        send(options, answers)
        // librdkafka itself reports that the time is over. The margin covers the case that it reports nothing at all.
        guard let event = rd_kafka_queue_poll(answers, Int32(clamping: timeoutMilliseconds + 1000)) else {
            throw client.error(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation)
        }
        defer { rd_kafka_event_destroy(event) }
        let failure = rd_kafka_event_error(event)
        guard failure == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw client.error(
                failure, operation: operation, reason: rd_kafka_event_error_string(event).map { String(cString: $0) })
        }
        guard let topic = result(event) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__BAD_MSG, operation: operation, reason: "the answer names no topic")
        }
        let outcome = rd_kafka_topic_result_error(topic)
        if outcome == RD_KAFKA_RESP_ERR_NO_ERROR { return true }
        if isHarmless(outcome) { return false }
        throw client.error(
            outcome, operation: operation, reason: rd_kafka_topic_result_error_string(topic).map { String(cString: $0) }
        )
    }
}
