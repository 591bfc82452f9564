import CRDKafka
import Glibc

extension Client {
    /// How many partitions a topic has, or nil if the cluster does not know it.
    ///
    /// Asks for all topics, because asking for one by name creates it on clusters that create topics on demand.
    func partitionCount(of topic: String, timeoutMilliseconds: Int) throws(KafkaError) -> Int? {
        let operation = "read metadata of topic \(topic)"
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        while true {
            var metadata: UnsafePointer<rd_kafka_metadata>?
            try check(rd_kafka_metadata(handle, 1, nil, &metadata, deadline.remainingMilliseconds), operation)
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
