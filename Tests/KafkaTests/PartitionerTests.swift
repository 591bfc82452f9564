import TestSupport
import Testing

@testable import Kafka

@Suite(.waiting) struct PartitionerTests {
    /// Hashes of keys in Kafka's own tests of its Java client (UtilsTest.testMurmur2).
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ])
    func `a key goes where Kafka's published hash says`(key: String, hash: Int) {
        let positive = Int(UInt32(truncatingIfNeeded: hash) & 0x7FFF_FFFF)
        for count in [1, 2, 3, 8, 12, 1000, Int(Int32.max)] {
            #expect(Murmur2Partitioner.partition(of: Array(key.utf8), count: count) == Int32(positive % count))
        }
    }

    @Test func `an empty key has a partition`() {
        let partition = Murmur2Partitioner.partition(of: [], count: 7)
        #expect((0..<7).contains(partition))
    }

    /// librdkafka's producers, where nothing else is set.
    @Test func `a producer without a setting puts a key where the other function says`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("keyed", partitions: 4)
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "partitioner": "consistent_random",
        ])
        for number in 0..<100 { try producer.send("keyed", key: "customer-\(number)", "\(number)") }
        try producer.flush(timeoutMilliseconds: 10_000)
        let reader = try Reader(broker.bootstrapServers, group: "all")
        defer { reader.consumer.close() }
        try reader.consumer.subscribe(to: ["keyed"])
        try wait {
            try reader.poll()
            return reader.received.count == 100
        }
        for message in reader.received {
            try Array(#require(message.key).utf8).withUnsafeBytes { key in
                #expect(message.place.partition == ConsistentPartitioner.partition(of: key, count: 4))
            }
        }
    }

    @Test(arguments: [1, 3, 8]) func `a producer with murmur2_random puts a key where the function says`(
        partitions: Int
    ) throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("keyed", partitions: partitions)
        #expect(try !broker.createTopic("keyed", partitions: partitions))
        let producer = try Producer(properties: [
            "bootstrap.servers": broker.bootstrapServers, "partitioner": "murmur2_random",
        ])
        for number in 0..<200 { try producer.send("keyed", key: "customer-\(number)", "\(number)") }
        try producer.flush(timeoutMilliseconds: 10_000)

        let reader = try Reader(broker.bootstrapServers, group: "all")
        try reader.consumer.subscribe(to: ["keyed"])
        try wait {
            try reader.poll()
            return reader.received.count == 200
        }
        for message in reader.received {
            let key = Array(try #require(message.key).utf8)
            #expect(message.place.partition == Murmur2Partitioner.partition(of: key, count: partitions))
        }
        #expect(Set(reader.received.map(\.place)).count == partitions)
        reader.consumer.close()
    }
}
