import CRDKafka

extension Consumer {
    /// Asks the partition's leader for its first offset and its end.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func watermarks(of partition: TopicPartition, timeoutMilliseconds: Int) throws(KafkaError) -> Watermarks {
        // librdkafka 2.0 ignores its timeout if the leader disappears meanwhile.
        let operation = "read watermarks of \(partition)"
        return try client.limited(operation, timeoutMilliseconds: timeoutMilliseconds) { handle throws(KafkaError) in
            var low: Int64 = 0
            var high: Int64 = 0
            let code = rd_kafka_query_watermark_offsets(
                handle, partition.topic, partition.partition, &low, &high, Int32(clamping: timeoutMilliseconds))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Client.fatalError(of: handle, ifBehind: code, operation: operation)
                    ?? KafkaError(code, operation: operation).ofPartitionRequest
            }
            return Watermarks(low: low, high: high)
        }
    }

    /// The partition's end according to the latest fetch from it; `nil` before the first. Asks nobody.
    package func latestKnownEnd(of partition: TopicPartition) -> Int64? {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_get_watermark_offsets(
            client.handle, partition.topic, partition.partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// How many partitions a topic has, or nil if there is no such topic. Never creates the topic, not even on clusters that
    /// create topics on demand, unless `allow.auto.create.topics` is set.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func partitionCount(of topic: String, timeoutMilliseconds: Int) throws(KafkaError) -> Int? {
        try client.partitionCount(of: topic, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Looks up, for each partition, the first offset whose message is at least as new as a time.
    ///
    /// - Parameter times: Milliseconds since 1970.
    /// - Returns: Offsets in no particular order; `PartitionOffset.end` where every message is older.
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func offsets(
        forTimes times: [TopicPartition: Int64], timeoutMilliseconds: Int
    ) throws(KafkaError) -> [PartitionOffset] {
        // librdkafka 2.0 ignores this timeout too.
        let operation = "find offsets for times"
        return try client.limited(operation, timeoutMilliseconds: timeoutMilliseconds) { handle throws(KafkaError) in
            let list = PartitionList(times.map { PartitionOffset($0.key, offset: $0.value) })
            let code = rd_kafka_offsets_for_times(handle, list.pointer, Int32(clamping: timeoutMilliseconds))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Client.fatalError(of: handle, ifBehind: code, operation: operation)
                    ?? KafkaError(code, operation: operation).ofPartitionRequest
            }
            if let error = list.firstError(operation) { throw error.ofPartitionRequest }
            return list.offsets
        }
    }
}
