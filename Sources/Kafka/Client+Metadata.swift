import CRDKafka
import Glibc

extension Client {
    /// How many partitions a topic has, or nil if the cluster does not know it.
    ///
    /// The client must be a consumer's without `allow.auto.create.topics`: others create the topic by asking for it.
    func partitionCount(of topic: String, timeoutMilliseconds: Int) throws(KafkaError) -> Int? {
        let operation = "read metadata of topic \(topic)"
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        guard let asked = rd_kafka_topic_new(handle, topic, nil) else {
            throw error(rd_kafka_last_error(), operation: operation)
        }
        defer { rd_kafka_topic_destroy(asked) }
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            try check(rd_kafka_metadata(handle, 0, asked, &metadata, deadline.remainingMilliseconds), operation)
            defer { if let metadata { rd_kafka_metadata_destroy(metadata) } }
            let topics = UnsafeBufferPointer(
                start: metadata?.pointee.topics, count: Int(metadata?.pointee.topic_cnt ?? 0))
            guard let found = topics.first(where: { $0.topic.map { String(cString: $0) } == topic }) else { return nil }
            if found.err == RD_KAFKA_RESP_ERR_NO_ERROR { return Int(found.partition_cnt) }
            if found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { return nil }
            let error = error(found.err, operation: operation)
            // A topic that has just been created has no leader for a moment.
            guard error.remedy == .retry, !deadline.isPast else { throw error }
            usleep(20_000)
        }
    }
}
