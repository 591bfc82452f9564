import Customers
import Events
import Kafka
import Pipeline

/// More partitions for a topic whose customers have states.
extension StoredCheckpoints {
    /// What a partition has after its customers were dealt out.
    package struct Dealt: Sendable, Equatable {
        /// The partition's number.
        package let partition: Int32
        /// Offset of the first message that the state does not hold.
        package let offset: Int64
        /// Customers in it.
        package let customers: Int
        /// Of those, customers whose states were in another partition before.
        package let moved: Int
    }

    /// Deals the customers of all checkpoints out to the partitions that the topic has now, by their keys, as its producers do.
    ///
    /// The group's workers must have come to the topic's end before it grew, and have been stopped in order: a message behind a
    /// checkpoint whose customer now belongs to another partition is refused.
    /// - Returns: each partition's checkpoint, ascending.
    /// A run that is interrupted may be repeated: no worker must run before one has come to its end.
    /// - Throws: `WorkerError` when that would not give every customer their whole state; nothing has been written then.
    ///   `KafkaError`, `SchemaUnavailable`.
    /// - Complexity: O(customers), all of which are in memory at once.
    package func repartition(progress: (_ step: String, _ share: Double?) -> Void) throws -> [Dealt] {
        try requireNoMembers()
        if let topic = settings.checkpointTopicName { try TopicCheck(settings: settings).provide(topic) }
        let store = try store()
        let all = try partitions()
        var found: [(partition: TopicPartition, state: RestoredState)] = []
        for partition in all {
            progress("reading checkpoints", Double(found.count) / Double(all.count))
            found.append((partition, try read(partition, from: store)))
        }
        // What an earlier run has written before it was interrupted is written again; it names no message of the log.
        let old = found.filter { $0.state.header != nil }
        let begun = old.filter { $0.state.header?.partitions != all.count }
        let oldCount = begun.compactMap(\.state.header?.partitions).min() ?? begun.count
        let headers = found.prefix(oldCount).compactMap(\.state.header)
        guard !begun.isEmpty, oldCount < all.count, headers.count == oldCount,
            begun.allSatisfy({ $0.partition.partition < oldCount }),
            found.dropFirst(oldCount).allSatisfy({ $0.state.header?.mark == nil })
        else {
            throw WorkerError(
                "\(settings.inputTopic) has \(all.count) partitions, and \(old.count) of them have checkpoints, "
                    + "\(begun.count) from before it grew: they are dealt out when all old partitions have one and no worker has "
                    + "run on the new ones")
        }
        for (partition, state) in old { try requireWhole(state, of: partition) }

        let isConsistent = try isConsistent(begun.map { ($0.partition.partition, $0.state.table) }, count: oldCount)
        let deal = Deal(count: all.count, isConsistent: isConsistent)
        progress("reading what is behind the checkpoints", nil)
        let starts = try logStarts(all)
        try requireInPlace(headers, deal)

        progress("dealing customers out", nil)
        let clock = headers.map(\.clock).max { $0.time < $1.time } ?? PartitionClock()
        var tables = all.map { _ in CustomerTable(timeToLiveDays: settings.timeToLiveDays) }
        for index in tables.indices { tables[index].restore(clock: clock) }
        var moved = [Int](repeating: 0, count: all.count)
        for (partition, state) in old { try deal.deal(state.table, of: partition.partition, into: &tables, &moved) }

        try requireNoMembers()
        let transfer = try CheckpointTransfer(into: store, settings: settings)
        let gap = headers.compactMap(\.gap).max { ($0.since ?? .max) < ($1.since ?? .max) }
        var dealt: [Dealt] = []
        // The new ones first: until an old one is written, it has all of its customers.
        for index in Array(oldCount..<all.count) + Array(0..<oldCount) {
            let partition = all[index]
            progress("writing checkpoints", Double(dealt.count) / Double(all.count))
            let former = index < oldCount ? headers[index] : nil
            let offset = former?.offset ?? starts[index]
            let header = CheckpointHeader(
                partition: partition, offset: offset,
                stateFingerprint: CheckpointHeader.stateFingerprint(timeToLiveDays: settings.timeToLiveDays),
                decoderFingerprint: former?.decoderFingerprint ?? CheckpointHeader.decoderFingerprint(settings.events),
                decodedFrom: former?.decodedFrom ?? offset, gap: gap, mark: former?.mark, partitions: all.count,
                clock: clock, customers: tables[index].count, schemas: former?.schemas ?? [])
            tables[index].beginSnapshot(.everything)
            // A new base in place of the old chain.
            let lineage = CheckpointLineage(ownerEpoch: found[index].state.lineage.ownerEpoch, baseEpoch: nil)
            try transfer.write(header, after: lineage) { writer, limit in
                try tables[index].writeSnapshot(into: &writer, bytes: limit)
            }
            dealt.append(
                Dealt(
                    partition: partition.partition, offset: offset, customers: tables[index].count, moved: moved[index])
            )
        }
        return dealt.sorted { $0.partition < $1.partition }
    }

    /// Where keys are put.
    private struct Deal {
        let count: Int
        let isConsistent: Bool

        func partition(of customerID: UnsafeRawBufferPointer) -> Int32 {
            isConsistent
                ? ConsistentPartitioner.partition(of: customerID, count: count)
                : Murmur2Partitioner.partition(of: Array(customerID), count: count)
        }

        /// Puts the customers of an old partition into the tables of the new ones.
        func deal(
            _ table: CustomerTable, of partition: Int32, into tables: inout [CustomerTable], _ moved: inout [Int]
        ) throws {
            var table = table
            table.beginSnapshot(.everything)
            var isMore = true
            while isMore {
                var records = ByteWriter()
                isMore = try table.writeSnapshot(into: &records, bytes: 1 << 20)
                try records.bytes.withReader { reader throws(StateError) in
                    while !reader.isAtEnd {
                        var ahead = reader
                        let target = Int(self.partition(of: try ahead.counted()))
                        _ = try tables[target].restore(from: &reader)
                        if target != Int(partition) { moved[target] += 1 }
                    }
                }
            }
        }
    }

    /// Which partitioner has put the customers where they are.
    private func isConsistent(_ tables: [(partition: Int32, table: CustomerTable)], count: Int) throws(WorkerError)
        -> Bool
    {
        var (murmur2, consistent, all) = (0, 0, 0)
        for (partition, table) in tables {
            for index in table.states.indices {
                var customerID = table.customerID(at: index)
                all += 1
                customerID.withUTF8 { bytes in
                    let bytes = UnsafeRawBufferPointer(bytes)
                    if Murmur2Partitioner.partition(of: Array(bytes), count: count) == partition { murmur2 += 1 }
                    if ConsistentPartitioner.partition(of: bytes, count: count) == partition { consistent += 1 }
                }
            }
        }
        guard all == max(murmur2, consistent) else {
            throw WorkerError(
                "of \(all) customers \(murmur2) are where Java's partitioner (murmur2) puts them, and \(consistent) where "
                    + "librdkafka's (CRC-32) does: the messages' keys are not the customers, so that nobody can tell where "
                    + "their next messages come to")
        }
        return murmur2 < all
    }

    private func logStarts(_ partitions: [TopicPartition]) throws -> [Int64] {
        try withReader { consumer in
            try partitions.map { try consumer.watermarks(of: $0, timeoutMilliseconds: 30_000).low }
        }
    }

    private func withReader<Result>(_ body: (Consumer) throws -> Result) throws -> Result {
        let consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging([
                "group.id": "future-cart-checkpoints", "isolation.level": "read_committed",
                "enable.partition.eof": "true",
                "auto.offset.reset": "error",
            ]) { $1 })
        defer { consumer.close() }
        return try body(consumer)
    }

    /// Messages behind the checkpoints must be of customers who stay where they are.
    private func requireInPlace(_ headers: [CheckpointHeader], _ deal: Deal) throws {
        try withReader { consumer in
            var ranges: [TopicPartition: Range<Int64>] = [:]
            for header in headers {
                let end = try consumer.watermarks(of: header.partition, timeoutMilliseconds: 30_000).high
                ranges[header.partition] = header.offset..<max(end, header.offset)
            }
            let decoder = EventDecoder(format: settings.events)
            let reader = try RangeReader(consumer, ranges, patienceMilliseconds: 30_000)
            var misplaced: WorkerError?
            while try reader.read({ partition, message in
                guard let value = message.value, misplaced == nil else { return }
                try decoder.fetchSchema(of: value)
                _ = try? decoder.decode(value, timestamp: message.timestampMilliseconds) { event in
                    guard !event.isAnonymous, deal.partition(of: event.customerID) != partition.partition else {
                        return
                    }
                    misplaced = WorkerError(
                        "\(partition)@\(message.offset) is behind the checkpoint, and its customer belongs to another "
                            + "partition now: the workers had not come to the end before the topic grew. Start workers that "
                            + "read the old partitions to their ends, or bootstrap the group from the history")
                }
            }) {}
            if let misplaced { throw misplaced }
            guard reader.open.isEmpty else {
                throw WorkerError("the topic gives no more messages: is the broker still there?")
            }
        }
    }
}
