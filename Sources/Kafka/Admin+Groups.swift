import CRDKafka

/// A member of a consumer group, as the group's coordinator knows it.
package struct GroupMember: Equatable, Sendable {
    package let clientID: String
    /// Address that it connects from.
    package let host: String
    package let partitions: [TopicPartition]
}

extension Admin {
    /// The members of a consumer group, with what they are assigned; none of a group that there is not.
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
    /// What an assignment in the consumer protocol's notation names: version u16, then counted topics, each with its name
    /// (u16 count) and counted partitions, all big-endian. Nothing of one that is cut short.
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
