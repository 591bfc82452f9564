import CRDKafka
import Kafka

/// What happens to topics that nothing here does by itself.
extension BrokerProcess {
    /// Gives a topic more partitions.
    public func addPartitions(to topic: String, count: Int) throws {
        try withHandle { handle, answers in
            var reason = [CChar](repeating: 0, count: 256)
            var request: OpaquePointer? = rd_kafka_NewPartitions_new(topic, count, &reason, reason.count)
            defer { rd_kafka_NewPartitions_destroy(request) }
            rd_kafka_CreatePartitions(handle, &request, 1, nil, answers)
        }
    }

    /// Deletes a partition's messages before an offset, as retention does.
    public func deleteMessages(of topic: String, partition: Int32, before offset: Int64) throws {
        try withHandle { handle, answers in
            let list = rd_kafka_topic_partition_list_new(1)
            defer { rd_kafka_topic_partition_list_destroy(list) }
            rd_kafka_topic_partition_list_add(list, topic, partition)
            rd_kafka_topic_partition_list_set_offset(list, topic, partition, offset)
            var request: OpaquePointer? = rd_kafka_DeleteRecords_new(list)
            defer { rd_kafka_DeleteRecords_destroy(request) }
            rd_kafka_DeleteRecords(handle, &request, 1, nil, answers)
        }
    }

    private func withHandle(_ request: (OpaquePointer, OpaquePointer) -> Void) throws {
        let configuration = rd_kafka_conf_new()
        rd_kafka_conf_set(configuration, "bootstrap.servers", bootstrapServers, nil, 0)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0),
            let answers = rd_kafka_queue_new(handle)
        else { throw KafkaError(rd_kafka_last_error(), operation: "make client") }
        defer {
            rd_kafka_queue_destroy(answers)
            rd_kafka_destroy(handle)
        }
        request(handle, answers)
        guard let event = rd_kafka_queue_poll(answers, 10_000) else { throw KafkaError.timedOut("change a topic") }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "change a topic") }
    }
}
