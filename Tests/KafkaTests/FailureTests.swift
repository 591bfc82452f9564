import TestSupport
import Testing

@testable import Kafka

/// A request that does not keep its time ends at the suite's time limit.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct FailureTests {
    @Test func `an unknown property is named`() throws {
        let properties = ["bootstrap.servers": "127.0.0.1:1", "group.id": "g", "fetch.sise": "1"]
        let consumer = try #require(throws: KafkaError.self) { _ = try Consumer(properties: properties) }
        #expect(consumer.description.contains("fetch.sise"))
        #expect(consumer.remedy == .fatal)
        let producer = try #require(throws: KafkaError.self) { _ = try Producer(properties: properties) }
        #expect(producer.description.contains("fetch.sise"))
        let admin = try #require(throws: KafkaError.self) { _ = try Admin(properties: properties) }
        #expect(admin.description.contains("fetch.sise"))
    }

    @Test func `a bad value and a bad combination are named`() throws {
        let value = try #require(throws: KafkaError.self) { _ = try Producer(properties: ["linger.ms": "soon"]) }
        #expect(value.description.contains("linger.ms"))
        let combination = try #require(throws: KafkaError.self) {
            _ = try Consumer(properties: [
                "group.id": "g", "max.poll.interval.ms": "1000", "session.timeout.ms": "2000",
            ])
        }
        #expect(combination.description.contains("max.poll.interval.ms"))
        let group = try #require(throws: KafkaError.self) {
            _ = try Consumer(properties: ["bootstrap.servers": "127.0.0.1:1"])
        }
        #expect(group.description.contains("group.id"))
    }

    @Test func `a broker that cannot be reached is an error to retry, in time`() throws {
        let unreachable = ["bootstrap.servers": "127.0.0.1:1"]
        let place = TopicPartition(topic: "events", partition: 0)
        let consumer = try Consumer(properties: unreachable.merging(["group.id": "g"]) { $1 })
        try consumer.subscribe(to: ["events"])
        let calls: [() throws -> Void] = [
            { _ = try consumer.watermarks(of: place, timeoutMilliseconds: 200) },
            { _ = try consumer.partitionCount(of: "events", timeoutMilliseconds: 200) },
            { _ = try consumer.committed([place], timeoutMilliseconds: 200) },
            { _ = try consumer.offsets(forTimes: [place: 0], timeoutMilliseconds: 200) },
            { try consumer.commit([PartitionOffset(place, offset: 1)], timeoutMilliseconds: 200) },
        ]
        for call in calls {
            let error = try #require(throws: KafkaError.self) { try call() }
            #expect(error.remedy == .retry, "\(error)")
        }
        let batch = MessageBatch(capacity: 10)
        try consumer.poll(into: batch, timeoutMilliseconds: 100)
        #expect(batch.isEmpty)
        consumer.close(timeoutMilliseconds: 500)

        let producer = try Producer(properties: unreachable.merging(["transactional.id": "t"]) { $1 })
        let error = try #require(throws: KafkaError.self) { try producer.initTransactions(timeoutMilliseconds: 300) }
        #expect(error.remedy == .retry, "\(error)")
        producer.close()

        let admin = try Admin(properties: unreachable)
        let refused = try #require(throws: KafkaError.self) {
            try admin.createTopic("events", partitions: 1, timeoutMilliseconds: 300)
        }
        #expect(refused.remedy == .retry, "\(refused)")
        admin.close()
    }

    @Test func `a request keeps its time limit when the broker goes away, and its client can be closed`() throws {
        let broker = try EmbeddedBroker()
        try broker.createTopic("events", partitions: 1)
        let place = TopicPartition(topic: "events", partition: 0)
        let consumer = try Consumer(
            properties: ["bootstrap.servers": broker.bootstrapServers, "group.id": "g"])
        #expect(try consumer.watermarks(of: place, timeoutMilliseconds: 5000) == Watermarks(low: 0, high: 0))
        try broker.setBrokerDown()
        let requests: [() throws -> Void] = [
            { _ = try consumer.watermarks(of: place, timeoutMilliseconds: 300) },
            { _ = try consumer.offsets(forTimes: [place: 0], timeoutMilliseconds: 300) },
        ]
        for request in requests {
            let error = try #require(throws: KafkaError.self) { try request() }
            #expect(error.remedy == .retry, "\(error)")
        }
        // With requests out that the library has not given up.
        consumer.close(timeoutMilliseconds: 500)
        broker.close()
    }

    @Test func `errors of the client reach the closure`() throws {
        let (errors, report) = AsyncStream<KafkaError>.makeStream()
        let (_, log) = AsyncStream<LogLine>.makeStream()
        let producer = try Producer(
            properties: ["bootstrap.servers": "127.0.0.1:1"], onError: { report.yield($0) }, onLog: { log.yield($0) })
        try wait { producer.poll(timeoutMilliseconds: 100) > 0 }
        producer.close()
        report.finish()
        Task {
            for await error in errors { #expect(error.remedy == .retry) }
        }
    }

    @Test(arguments: [
        (Int32(-144), KafkaError.Remedy.rejoin), (90, .rejoin), (22, .rejoin), (25, .rejoin), (-142, .rejoin),
        (-147, .rejoin), (-195, .retry), (-185, .retry), (-184, .retry), (6, .retry), (27, .retry), (51, .retry),
        (3, .retry), (10, .fatal), (29, .fatal), (58, .fatal), (82, .rejoin), (110, .rejoin), (111, .rejoin),
        (-137, .retry), (100, .retry),
    ]) func `each code has its remedy`(code: Int32, remedy: KafkaError.Remedy) {
        let error = KafkaError(.init(code), operation: "test")
        #expect(error.remedy == remedy, "\(error)")
        #expect(error.code == code)
    }
}
