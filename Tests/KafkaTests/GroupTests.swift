import TestSupport
import Testing

@testable import Kafka

/// What a broker tells of a consumer group.
@Suite(.waiting) struct GroupTests {
    @Test(
        .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)),
        .timeLimit(.minutes(10))
    )
    func `members are described with the partitions that they are assigned`() throws {
        let broker = try BrokerProcess()
        let admin = try Admin(properties: ["bootstrap.servers": broker.bootstrapServers])
        defer { admin.close() }
        _ = try admin.createTopic("events", partitions: 5)
        #expect(try admin.members(ofGroup: "nobody", timeoutMilliseconds: 10_000) == [])

        let readers = try (0..<2).map { number in
            let reader = try Reader(
                broker.bootstrapServers, group: "all",
                ["client.id": "reader-\(number)", "partition.assignment.strategy": "range"])
            try reader.consumer.subscribe(to: ["events"])
            return reader
        }
        try wait {
            for reader in readers { try reader.poll() }
            return readers.allSatisfy { (2...3).contains($0.assignments.owned.count) }
        }
        let members = try admin.members(ofGroup: "all", timeoutMilliseconds: 10_000)
        #expect(members.map(\.clientID).sorted() == ["reader-0", "reader-1"])
        for member in members {
            let reader = member.clientID == "reader-0" ? readers[0] : readers[1]
            #expect(Set(member.partitions) == reader.assignments.owned)
            #expect(!member.host.isEmpty)
        }
        for reader in readers { reader.consumer.close() }
    }

    @Test func `a broker that does not describe groups refuses, and the client can be closed`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        let admin = try Admin(properties: ["bootstrap.servers": broker.bootstrapServers])
        defer { admin.close() }
        #expect(throws: KafkaError.self) { try admin.members(ofGroup: "all", timeoutMilliseconds: 1000) }
    }

    @Test func `an assignment that is cut short names nothing`() {
        // Version 0, one topic "ab" of two partitions, no user data.
        let whole: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 2, 97, 98, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0]
        let expected = [TopicPartition(topic: "ab", partition: 3), TopicPartition(topic: "ab", partition: 7)]
        #expect(whole.withUnsafeBytes { GroupMember.assignment($0) } == expected)
        for count in 0..<22 {
            #expect(whole[..<count].withUnsafeBytes { GroupMember.assignment($0) }.isEmpty)
        }
    }
}
