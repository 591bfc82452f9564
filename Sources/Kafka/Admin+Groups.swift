import CRDKafka

/// A member of a consumer group, as the group's coordinator describes it.
package struct GroupMember: Equatable, Sendable {
    /// The member's `client.id`.
    package let clientID: String
    /// The address that it connects from.
    package let host: String
    /// The partitions that it is assigned; none while the group rebalances.
    package let partitions: [TopicPartition]
}

extension Admin {
    /// The members of a consumer group with their assigned partitions; none if there is no such group.
    ///
    /// Uses the older `rd_kafka_list_groups`. Where a broker does not describe groups, as the embedded one does not, it
    /// fails cleanly. `rd_kafka_DescribeConsumerGroups` of librdkafka 2.0.2 reports the missing feature there too, but
    /// then the client can never be destroyed: `rd_kafka_destroy` waits for ever for a broker thread that is locked up.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func members(ofGroup group: String, timeoutMilliseconds: Int) throws(KafkaError) -> [GroupMember] {
        let operation = "describe group \(group)"
        return try client.limited(operation, timeoutMilliseconds: timeoutMilliseconds) { handle throws(KafkaError) in
            var list: UnsafePointer<rd_kafka_group_list>?
            let code = rd_kafka_list_groups(handle, group, &list, Int32(clamping: timeoutMilliseconds))
            defer { if let list { rd_kafka_group_list_destroy(list) } }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw Client.fatalError(of: handle, ifBehind: code, operation: operation)
                    ?? KafkaError(code, operation: operation)
            }
            let groups = UnsafeBufferPointer(start: list?.pointee.groups, count: Int(list?.pointee.group_cnt ?? 0))
            return groups.flatMap { group in
                UnsafeBufferPointer(start: group.members, count: Int(group.member_cnt)).map { member in
                    GroupMember(
                        clientID: member.client_id.map { String(cString: $0) } ?? "",
                        host: member.client_host.map { String(cString: $0) } ?? "",
                        partitions: GroupMember.assignment(
                            UnsafeRawBufferPointer(
                                start: member.member_assignment, count: Int(member.member_assignment_size))))
                }
            }
        }
    }
}

extension GroupMember {
    /// The partitions that an assignment names, in the encoding of Kafka's consumer protocol.
    ///
    /// All numbers are big-endian: version (u16), number of topics (u32), and for each topic the length of its name (u16),
    /// the name, the number of partitions (u32) and their numbers (u32 each).
    ///
    /// - Returns: Nothing if the bytes end too early.
    static func assignment(_ bytes: UnsafeRawBufferPointer) -> [TopicPartition] {
        var rest = bytes[...]
        func number(_ count: Int) -> Int? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
        }
        var partitions: [TopicPartition] = []
        guard number(2) != nil, let topics = number(4) else { return [] }
        for _ in 0..<topics {
            guard let length = number(2), rest.count >= length else { return [] }
            let topic = String(decoding: rest.prefix(length), as: UTF8.self)
            rest = rest.dropFirst(length)
            guard let count = number(4), count <= rest.count / 4 else { return [] }
            for _ in 0..<count {
                guard let partition = number(4) else { return [] }
                partitions.append(TopicPartition(topic: topic, partition: Int32(truncatingIfNeeded: partition)))
            }
        }
        return partitions
    }
}
