import TestSupport
import Testing

@testable import Kafka

/// The embedded broker checks the protocol of transactions but has no isolation: what an abort hides from readers is
/// proved in `ClusterTests`.
@Suite(.waiting) struct TransactionTests {
    private func makeProducer(_ broker: EmbeddedBroker) throws -> Producer {
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "transactional.id": "scorer", "retry.backoff.ms": "10",
        ])
        try producer.initTransactions(timeoutMilliseconds: 10_000)
        return producer
    }

    @Test func `a transaction carries messages and the group's offsets`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("in", partitions: 1)
        let producer = try makeProducer(broker)
        try producer.beginTransaction()
        for number in 0..<10 { try producer.send("in", "\(number)") }
        try producer.commitTransaction(timeoutMilliseconds: 10_000)
        #expect(producer.delivered == 10)

        let reader = try Reader(broker.bootstrapServers, group: "g")
        try reader.consumer.subscribe(to: ["in"])
        try wait {
            try reader.poll()
            return reader.received.count == 10
        }
        let place = TopicPartition(topic: "in", partition: 0)
        try producer.beginTransaction()
        try producer.send("out", "scored")
        try producer.sendOffsets(
            [PartitionOffset(place, offset: 10)], groupOf: reader.consumer, timeoutMilliseconds: 10_000)
        try producer.commitTransaction(timeoutMilliseconds: 10_000)
        reader.consumer.close()
        producer.close()
    }

    @Test func `an aborted transaction leaves no error behind and the next one commits`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try makeProducer(broker)
        try producer.beginTransaction()
        for number in 0..<100 { try producer.send("out", "\(number)") }
        try producer.abortTransaction(timeoutMilliseconds: 10_000)
        #expect(producer.deliveryError == nil)
        try producer.beginTransaction()
        let before = producer.delivered
        try producer.send("out", "kept")
        try producer.commitTransaction(timeoutMilliseconds: 10_000)
        #expect(producer.delivered == before + 1)
        producer.close()
    }

    @Test func `passing errors of the coordinator are retried within the timeout`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try makeProducer(broker)
        broker.fail(.addPartitionsToTransaction, with: [.concurrentTransactions, .coordinatorNotAvailable])
        broker.fail(.endTransaction, with: [.coordinatorNotAvailable, .disconnect])
        try producer.beginTransaction()
        try producer.send("out", "kept")
        try producer.commitTransaction(timeoutMilliseconds: 20_000)
        #expect(producer.delivered == 1)
        producer.close()
    }

    @Test func `a refused message asks for an abort, after which the producer goes on`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try makeProducer(broker)
        try producer.beginTransaction()
        broker.fail(.produce, with: [.messageTooLarge])
        try producer.send("out", "refused")
        let error = try #require(throws: KafkaError.self) {
            try producer.commitTransaction(timeoutMilliseconds: 10_000)
        }
        #expect(error.remedy == .abortTransaction, "\(error)")
        try producer.abortTransaction(timeoutMilliseconds: 10_000)
        // The gap that the refused message leaves in the sequence can cost one more transaction.
        try producer.beginTransaction()
        try producer.send("out", "kept")
        do throws(KafkaError) {
            try producer.commitTransaction(timeoutMilliseconds: 10_000)
        } catch {
            #expect(error.remedy == .abortTransaction, "\(error)")
            try producer.abortTransaction(timeoutMilliseconds: 10_000)
            try producer.beginTransaction()
            try producer.send("out", "kept")
            try producer.commitTransaction(timeoutMilliseconds: 10_000)
        }
        producer.close()
    }

    @Test func `a fenced producer says rejoin and is finished`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try makeProducer(broker)
        try producer.beginTransaction()
        try producer.send("out", "late")
        broker.fail(.endTransaction, with: [.producerFenced])
        let error = try #require(throws: KafkaError.self) {
            try producer.commitTransaction(timeoutMilliseconds: 10_000)
        }
        #expect(error.remedy == .rejoin, "\(error)")
        #expect(error.isFatal)
        #expect(throws: KafkaError.self) { try producer.send("out", "too late") }
        producer.close()
    }

    @Test func `offsets of a member that the group has forgotten ask to rejoin`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("in", partitions: 1)
        let producer = try makeProducer(broker)
        let reader = try Reader(broker.bootstrapServers, group: "g")
        try reader.consumer.subscribe(to: ["in"])
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 1
        }
        try producer.beginTransaction()
        try producer.send("out", "scored")
        broker.fail(.transactionOffsetCommit, with: [.unknownMember])
        let error = try #require(throws: KafkaError.self) {
            try producer.sendOffsets(
                [PartitionOffset(topic: "in", partition: 0, offset: 1)], groupOf: reader.consumer,
                timeoutMilliseconds: 10_000)
        }
        #expect(error.remedy == .rejoin, "\(error)")
        #expect(!error.isFatal)
        try producer.abortTransaction(timeoutMilliseconds: 10_000)
        reader.consumer.close()
        producer.close()
    }
}
