import CRDKafka

extension Consumer {
    /// The partitions that this consumer owns at the moment. Asks nobody.
    package var assignment: [TopicPartition] {
        get throws(KafkaError) {
            var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
            try client.check(rd_kafka_assignment(client.handle, &list), "read assignment")
            guard let list else { return [] }
            defer { rd_kafka_topic_partition_list_destroy(list) }
            return list.offsets.map(\.partition)
        }
    }

    /// Whether the group has taken the current assignment away without asking. True only while the loss is being handled.
    var isAssignmentLost: Bool { rd_kafka_assignment_lost(client.handle) != 0 }

    /// Commits offsets for the group and waits for the answer.
    ///
    /// - Parameters:
    ///   - offsets: For each partition the offset of the first message not yet processed. With none, nothing happens.
    ///   - timeoutMilliseconds: How long to wait. After a timeout the commit may still arrive.
    /// - Throws: `KafkaError`, with the remedy `.rejoin` if the group has moved on without this member.
    package func commit(_ offsets: [PartitionOffset], timeoutMilliseconds: Int = 30_000) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        guard let outcome = try commitAsync(offsets).outcome(timeoutMilliseconds: timeoutMilliseconds) else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__TIMED_OUT, operation: PendingCommit.operation,
                reason: "no answer in \(timeoutMilliseconds) ms")
        }
        try outcome.get()
    }

    /// Commits offsets for the group without waiting for the answer. Answers come in the order in which the commits were
    /// sent, and the last commit to arrive counts.
    ///
    /// - Parameter offsets: As for `commit`; at least one.
    /// - Returns: The commit, to ask for its outcome.
    /// - Throws: `KafkaError` if the commit cannot be sent.
    package func commitAsync(_ offsets: [PartitionOffset]) throws(KafkaError) -> PendingCommit {
        let list = PartitionList(offsets)
        let pending = PendingCommit(of: client)
        try client.check(
            rd_kafka_commit_queue(client.handle, list.pointer, pending.answers, nil, nil), PendingCommit.operation)
        return pending
    }

    /// Reads the group's committed offsets from the coordinator; `PartitionOffset.none` where nothing is committed.
    ///
    /// - Throws: `KafkaError`, with the remedy `.retry` if nobody answers in time.
    package func committed(
        _ partitions: [TopicPartition], timeoutMilliseconds: Int
    ) throws(KafkaError) -> [PartitionOffset] {
        let list = PartitionList(partitions)
        let code = rd_kafka_committed(client.handle, list.pointer, Int32(clamping: timeoutMilliseconds))
        try client.check(code, "read committed offsets")
        if let error = list.firstError("read committed offset") { throw error }
        return list.offsets
    }

    /// The offset behind the last message that `poll` has returned; `PartitionOffset.none` before the first.
    /// Asks nobody.
    package func position(of partitions: [TopicPartition]) throws(KafkaError) -> [PartitionOffset] {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_position(client.handle, list.pointer), "read position")
        if let error = list.firstError("read position") { throw error }
        return list.offsets
    }

    /// Continues reading at other offsets, with one request for all of them. The partitions must be assigned and being fetched:
    /// to choose where a new assignment starts, return the offsets from `RebalanceHandler.assigned` instead.
    ///
    /// - Returns: The partitions that could not be moved, with the reason.
    /// - Throws: `KafkaError` if none could be moved, with the remedy `.retry` if it takes longer than the timeout.
    package func seek(
        to offsets: [PartitionOffset], timeoutMilliseconds: Int
    ) throws(KafkaError) -> [TopicPartition: KafkaError] {
        let list = PartitionList(offsets)
        // Before 2.1 the library takes this one timeout in microseconds.
        let unit = rd_kafka_version() < 0x0201_0000 ? 1000 : 1
        let timeout = Int32(clamping: timeoutMilliseconds.multipliedReportingOverflow(by: unit).partialValue)
        if let error = rd_kafka_seek_partitions(client.handle, list.pointer, timeout) {
            throw KafkaError(consuming: error, operation: "seek", problem: client.context.problem)
        }
        return list.errors("seek")
    }

    /// Stops fetching these partitions; they stay assigned. Keep polling, so that the group does not take them away.
    ///
    /// - Throws: `KafkaError` if one of them is not assigned.
    package func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_pause_partitions(client.handle, list.pointer), "pause")
        if let error = list.firstError("pause") { throw error }
    }

    /// Fetches paused partitions again.
    ///
    /// - Throws: `KafkaError` if one of them is not assigned.
    package func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        let list = PartitionList(partitions)
        try client.check(rd_kafka_resume_partitions(client.handle, list.pointer), "resume")
        if let error = list.firstError("resume") { throw error }
    }

    /// Lends the group's metadata, which ties a producer's transaction to this member's generation in the group.
    func withGroupMetadata<Result>(_ body: (OpaquePointer?) throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let metadata = rd_kafka_consumer_group_metadata(client.handle)
        defer { if let metadata { rd_kafka_consumer_group_metadata_destroy(metadata) } }
        return try body(metadata)
    }
}
