import CRDKafka

extension Consumer {
    /// What this consumer owns at the moment.
    public var assignment: [TopicPartition] {
        get throws(KafkaError) {
            var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
            try client.check(rd_kafka_assignment(client.handle, &list), "read assignment")
            guard let list else { return [] }
            defer { rd_kafka_topic_partition_list_destroy(list) }
            return list.offsets.map(\.partition)
        }
    }

    /// Whether the group has given the current assignment to others without asking. True only while the loss is
    /// being handled.
    public var isAssignmentLost: Bool { rd_kafka_assignment_lost(client.handle) != 0 }

    /// Commits offsets for the group and waits for the answer.
    ///
    /// - Parameters:
    ///   - offsets: For each partition the offset of the first message not yet processed. With none, nothing happens.
    ///   - timeoutMilliseconds: How long to wait. After a timeout the commit may still arrive.
    /// - Throws: `KafkaError`, with the remedy `.rejoin` if the group has moved on without this member.
    public func commit(_ offsets: [PartitionOffset], timeoutMilliseconds: Int = 30_000) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        let operation = "commit offsets"
        let list = PartitionList(offsets)
        // The blocking C call has no time limit; a queue of our own for the answer gives it one.
        let answers = rd_kafka_queue_new(client.handle)
        defer { rd_kafka_queue_destroy(answers) }
        try client.check(rd_kafka_commit_queue(client.handle, list.pointer, answers, nil, nil), operation)
        guard let event = rd_kafka_queue_poll(answers, Int32(clamping: timeoutMilliseconds)) else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation, reason: "no answer in \(timeoutMilliseconds) ms")
        }
        defer { rd_kafka_event_destroy(event) }
        try client.check(rd_kafka_event_error(event), operation)
        if let results = rd_kafka_event_topic_partition_list(event), let error = results.firstError(operation) {
            throw error
        }
    }

    /// Reads the group's committed offsets from the coordinator; `PartitionOffset.none` where nothing is committed.
    public func committed(
        _ partitions: [TopicPartition], timeoutMilliseconds: Int
    ) throws(KafkaError) -> [PartitionOffset] {
        let list = PartitionList(partitions)
        let code = rd_kafka_committed(client.handle, list.pointer, Int32(clamping: timeoutMilliseconds))
        try client.check(code, "read committed offsets")
        if let error = list.firstError("read committed offset") { throw error }
        return list.offsets
    }

    /// The offset behind the last message that `poll` has returned; `PartitionOffset.none` before the first. Local.
    public func position(of partitions: [TopicPartition]) throws(KafkaError) -> [PartitionOffset] {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_position(client.handle, list.pointer), "read position")
        if let error = list.firstError("read position") { throw error }
        return list.offsets
    }

    /// Goes on reading elsewhere. The partitions must be assigned and being fetched: to choose where a new assignment
    /// starts, return the offsets from `RebalanceHandler.assigned` instead.
    public func seek(to offsets: [PartitionOffset], timeoutMilliseconds: Int) throws(KafkaError) {
        let list = PartitionList(offsets)
        // Before 2.1 the library takes this one timeout in microseconds.
        let unit = rd_kafka_version() < 0x0201_0000 ? 1000 : 1
        let timeout = Int32(clamping: timeoutMilliseconds.multipliedReportingOverflow(by: unit).partialValue)
        if let error = rd_kafka_seek_partitions(client.handle, list.pointer, timeout) {
            throw KafkaError(consuming: error, operation: "seek")
        }
        if let error = list.firstError("seek") { throw error }
    }

    /// Stops fetching these partitions; they stay assigned. Keep polling.
    public func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_pause_partitions(client.handle, list.pointer), "pause")
        if let error = list.firstError("pause") { throw error }
    }

    /// Fetches paused partitions again.
    public func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_resume_partitions(client.handle, list.pointer), "resume")
        if let error = list.firstError("resume") { throw error }
    }

    /// Lends the group's metadata, which ties a producer's transaction to this member's generation.
    func withGroupMetadata<Result>(_ body: (OpaquePointer?) throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let metadata = rd_kafka_consumer_group_metadata(client.handle)
        defer { if let metadata { rd_kafka_consumer_group_metadata_destroy(metadata) } }
        return try body(metadata)
    }
}
