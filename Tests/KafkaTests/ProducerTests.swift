import CRDKafka
import TestSupport
import Testing

@testable import Kafka

@Suite(.waiting) struct ProducerTests {
    @Test func `keys, values, headers and timestamps arrive as they were sent`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        let topic = try producer.topic(named: "events")
        #expect(try producer.topic(named: "events") === topic)

        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        let headers = [
            Header("trace", "abc"), Header("reason", value: nil), Header("trace", "last"), Header("empty", value: []),
        ]
        try Array("payload".utf8).withUnsafeBytes { value in
            try producer.produce(
                to: topic, key: value, value: value, headers: headers, timestampMilliseconds: 1_700_000_000_123)
            try producer.produce(to: topic, key: nil, value: nil)
            try producer.produce(to: topic, key: empty, value: empty)
            try producer.produce(to: topic, key: nil, value: nil, timestampMilliseconds: 5)
            try producer.produce(to: topic, key: empty, value: empty, headers: headers)
        }
        try producer.flush(timeoutMilliseconds: 10_000)
        #expect(producer.delivered == 5)
        #expect(producer.outstanding == 0)

        let reader = try Reader(broker.bootstrapServers, group: "all")
        try reader.consumer.subscribe(to: ["events"])
        var seen = 0
        try wait {
            try reader.poll()
            for position in 0..<reader.batch.count {
                let message = reader.batch[position]
                #expect(message.topicName == "events")
                switch message.offset {
                case 0:
                    #expect(text(message.key) == "payload")
                    #expect(text(message.value) == "payload")
                    #expect(message.timestampMilliseconds == 1_700_000_000_123)
                    #expect(text(message.header("trace")) == "last")
                    #expect(message.header("reason") == nil)
                    #expect(message.header("absent") == nil)
                    #expect(message.header("empty")?.count == 0)
                    #expect(message.headers.map(\.name) == ["trace", "reason", "trace", "empty"])
                    #expect(message.headers.map { text($0.value) } == ["abc", nil, "last", ""])
                case 1:
                    #expect(message.key == nil && message.value == nil)
                    #expect(message.headers.isEmpty)
                case 2, 4:
                    #expect(message.key?.count == 0 && message.value?.count == 0)
                default:
                    #expect(message.key == nil && message.value == nil)
                    #expect(message.timestampMilliseconds == 5)
                }
            }
            seen += reader.batch.count
            return seen == 5
        }
        reader.consumer.close()
        #expect(reader.batch.isEmpty)
        producer.close()
        producer.close()
    }

    @Test func `a full queue waits for delivery reports instead of failing`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "queue.buffering.max.messages": "10", "linger.ms": "0",
        ])
        for number in 0..<1000 { try producer.send("events", "\(number)") }
        try producer.flush(timeoutMilliseconds: 10_000)
        #expect(producer.delivered == 1000)
    }

    @Test func `a full queue gives up after its timeout and can be purged`() throws {
        let producer = try Producer(
            properties: ["bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": "2"],
            queueFullTimeoutMilliseconds: 50)
        try producer.send("events", "1")
        try producer.send("events", "2")
        let topic = try producer.topic(named: "events")
        let error = try #require(throws: KafkaError.self) { try producer.send("events", "3") }
        #expect(error.name == "_QUEUE_FULL")
        #expect(error.remedy == .retry)
        // The same with headers, which stay ours when the message is refused.
        #expect(throws: KafkaError.self) {
            try producer.produce(to: topic, key: nil, value: nil, headers: [Header("name", "value")])
        }
        rd_kafka_purge(producer.client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        try wait { producer.poll(timeoutMilliseconds: 10) >= 0 && producer.outstanding == 0 }
        #expect(producer.failed == 2)
        #expect(producer.deliveryError?.remedy == .retry)
    }

    @Test func `produce errors that pass are retried`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "retry.backoff.ms": "1", "enable.idempotence": "true",
        ])
        broker.fail(.produce, with: [.notLeader, .requestTimedOut, .notEnoughReplicas, .disconnect])
        for number in 0..<100 { try producer.send("events", "\(number)") }
        try producer.flush(timeoutMilliseconds: 20_000)
        #expect(producer.delivered == 100)
        #expect(producer.failed == 0)
    }

    @Test func `a message that the broker refuses is counted and thrown by flush once`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        broker.fail(.produce, with: [.messageTooLarge])
        try producer.send("events", "too large, says the broker")
        let error = try #require(throws: KafkaError.self) { try producer.flush(timeoutMilliseconds: 10_000) }
        #expect(error.name == "MSG_SIZE_TOO_LARGE")
        #expect(error.remedy == .fatal)
        #expect(producer.failed == 1)
        try producer.flush(timeoutMilliseconds: 10_000)
    }

    @Test func `a broker that goes away and comes back loses nothing`() throws {
        let broker = try EmbeddedBroker(brokers: 2)
        defer { broker.close() }
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "reconnect.backoff.ms": "10",
            "reconnect.backoff.max.ms": "50",
        ])
        try producer.send("events", "before")
        try producer.flush(timeoutMilliseconds: 10_000)
        try broker.setBrokerDown()
        try producer.send("events", "during")
        let error = try #require(throws: KafkaError.self) { try producer.flush(timeoutMilliseconds: 200) }
        #expect(error.remedy == .retry)
        try broker.setBrokerUp()
        try producer.flush(timeoutMilliseconds: 20_000)
        #expect(producer.delivered == 2)
    }
}
