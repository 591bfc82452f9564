import CRDKafka

/// The partitioner of librdkafka's clients where nothing else is set: CRC-32 of the key.
package enum ConsistentPartitioner {
    /// The partition that a message with this key goes to.
    ///
    /// - Parameters:
    ///   - key: The key's bytes, not empty: messages without any go to a random partition.
    ///   - count: How many partitions the topic has, above 0.
    /// - Returns: The partition's number, from 0.
    /// - Complexity: Linear in the key's length; asks nobody.
    package static func partition(of key: UnsafeRawBufferPointer, count: Int) -> Int32 {
        precondition(count > 0, "a topic has at least one partition")
        return rd_kafka_msg_partitioner_consistent(nil, key.baseAddress, key.count, Int32(clamping: count), nil, nil)
    }
}
