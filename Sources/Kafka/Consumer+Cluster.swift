import CRDKafka

extension Consumer {
    /// Asks the partition's leader for both ends of it.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func watermarks(of partition: TopicPartition, timeoutMilliseconds: Int) throws(KafkaError) -> Watermarks {
        // The library (2.0) waits for ever for a leader that has gone away in the meantime.
        let operation = "read watermarks of \(partition)"
        return try client.limited(operation, timeoutMilliseconds: timeoutMilliseconds) { handle throws(KafkaError) in
            var low: Int64 = 0
            var high: Int64 = 0
            let code = rd_kafka_query_watermark_offsets(
                handle, partition.topic, partition.partition, &low, &high, Int32(clamping: timeoutMilliseconds))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Client.fatalError(of: handle, ifBehind: code, operation: operation)
                    ?? KafkaError(code, operation: operation)
            }
            return Watermarks(low: low, high: high)
        }
    }

    /// Where the partition ends as of the latest fetch from it, asking nobody; `nil` before there was one.
    package func latestKnownEnd(of partition: TopicPartition) -> Int64? {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_get_watermark_offsets(
            client.handle, partition.topic, partition.partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// How many partitions a topic has, or nil if there is no such topic. Creates none, also where topics are created on
    /// demand; costs the metadata of the whole cluster.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func partitionCount(of topic: String, timeoutMilliseconds: Int) throws(KafkaError) -> Int? {
        try client.partitionCount(of: topic, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// For each partition the first offset whose message is at least as new as the given time.
    ///
    /// - Parameter times: Milliseconds since 1970.
    /// - Returns: Offsets in no particular order; `PartitionOffset.end` where every message is older.
    package func offsets(
        forTimes times: [TopicPartition: Int64], timeoutMilliseconds: Int
    ) throws(KafkaError) -> [PartitionOffset] {
        // The same as for watermarks.
        let operation = "find offsets for times"
        return try client.limited(operation, timeoutMilliseconds: timeoutMilliseconds) { handle throws(KafkaError) in
            let list = PartitionList(times.map { PartitionOffset($0.key, offset: $0.value) })
            let code = rd_kafka_offsets_for_times(handle, list.pointer, Int32(clamping: timeoutMilliseconds))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Client.fatalError(of: handle, ifBehind: code, operation: operation)
                    ?? KafkaError(code, operation: operation)
            }
            if let error = list.firstError(operation) { throw error }
            return list.offsets
        }
    }
}
