import CRDKafka

/// The partitioner of Kafka's own clients, and of producers here with the property `partitioner` = `murmur2_random`.
package enum Murmur2Partitioner {
    /// The partition that a message with this key goes to.
    ///
    /// - Parameters:
    ///   - key: The key's bytes; not null, because messages without a key go to a random partition.
    ///   - count: How many partitions the topic has, above 0.
    /// - Returns: The partition's number, from 0.
    /// - Complexity: Linear in the key's length; asks nobody.
    package static func partition(of key: [UInt8], count: Int) -> Int32 {
        precondition(count > 0, "a topic has at least one partition")
        // The function uses neither the topic nor the opaque pointers: it hashes the key and takes the remainder.
        return key.withUnsafeBytes { bytes in
            rd_kafka_msg_partitioner_murmur2(nil, bytes.baseAddress, bytes.count, Int32(clamping: count), nil, nil)
        }
    }
}
