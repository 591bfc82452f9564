import Kafka
import TestSupport
import Testing

@testable import Worker

@Suite(.waiting) struct CommitProtocolTests {
    /// Offsets must not be ahead of what has been delivered.
    @Test func aCommitInPassingIsOnlyOfWhatHasBeenDelivered() throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        defer { producer.close() }
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer)
        defer { consumer.close() }
        let cycle = AtLeastOnce(producer: producer)
        let place = TopicPartition(topic: settings.inputTopic, partition: 0)
        let offsets = [PartitionOffset(place, offset: 7)]

        try rig.broker.setBrokerDown()
        let value: [UInt8] = [1]
        try value.withUnsafeBytes {
            try producer.produce(to: producer.topic(named: settings.outputTopic), key: nil, value: $0)
        }
        producer.poll()
        #expect(try cycle.commitAsync(offsets, of: consumer) == nil, "a prediction is under way")
        try rig.broker.setBrokerUp()

        var pending: PendingCommit?
        try wait(for: "the delivery") {
            producer.poll()
            pending = try cycle.commitAsync(offsets, of: consumer)
            return pending != nil
        }
        let output = TopicPartition(topic: settings.outputTopic, partition: 0)
        #expect(try consumer.watermarks(of: output, timeoutMilliseconds: 5000).high == 1)
        try #require(pending?.outcome(timeoutMilliseconds: 10_000)).get()
        pending = nil
        #expect(try consumer.committed([place], timeoutMilliseconds: 5000) == offsets)
    }
}
