import Kafka

extension Consumer {
    /// A reader of all partitions of a topic from their beginning. Joins no group: that would take the broker seconds.
    package static func reading(_ topic: String, properties: [String: String]) throws -> Consumer {
        let consumer = try Consumer(properties: properties.merging(["group.id": "reader-\(topic)"]) { $1 })
        guard let partitions = try consumer.partitionCount(of: topic, timeoutMilliseconds: 10_000) else {
            throw MissingTopic(name: topic)
        }
        try consumer.assign(
            (0..<Int32(partitions)).map {
                PartitionOffset(topic: topic, partition: $0, offset: PartitionOffset.beginning)
            })
        return consumer
    }
}

private struct MissingTopic: Error {
    let name: String
}
