import CRDKafka

extension Admin {
    /// A property of a topic, as its broker has it.
    ///
    /// - Returns: Nil if the broker does not say, or may not say it to this client.
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func property(
        _ name: String, ofTopic topic: String, timeoutMilliseconds: Int = 10_000
    ) throws(KafkaError) -> String? {
        let operation = "describe topic \(topic)"
        let options = rd_kafka_AdminOptions_new(client.handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let (code, reason) = Client.withReason {
            rd_kafka_AdminOptions_set_request_timeout(options, Int32(clamping: timeoutMilliseconds), $0, $1)
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: operation, reason: reason) }
        guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, operation: operation)
        }
        defer { rd_kafka_ConfigResource_destroy(resource) }
        let answers = rd_kafka_queue_new(client.handle)
        defer { rd_kafka_queue_destroy(answers) }
        var list: OpaquePointer? = resource
        rd_kafka_DescribeConfigs(client.handle, &list, 1, options, answers)
        guard let event = rd_kafka_queue_poll(answers, Int32(clamping: timeoutMilliseconds + 1000)) else {
            throw client.error(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation)
        }
        defer { rd_kafka_event_destroy(event) }
        guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        var count = 0
        let found = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
        guard count > 0, let described = found?[0],
            rd_kafka_ConfigResource_error(described) == RD_KAFKA_RESP_ERR_NO_ERROR
        else { return nil }
        var entries = 0
        let properties = rd_kafka_ConfigResource_configs(described, &entries)
        for index in 0..<entries {
            guard let entry = properties?[index], String(cString: rd_kafka_ConfigEntry_name(entry)) == name else {
                continue
            }
            return rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) }
        }
        return nil
    }
}
