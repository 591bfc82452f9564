import Customers
import Events
import Foundation
import Kafka
import Pipeline

/// A group's checkpoints while no worker runs: to look at, to copy between stores, and to deal out to more partitions.
package struct StoredCheckpoints {
    /// What a checkpoint says of itself.
    package struct Summary: Sendable {
        /// The partition's number.
        package let partition: Int32
        /// Offset of the first message that the state does not hold.
        package let offset: Int64
        /// Customers in it.
        package let customers: Int
        /// Bytes that had to be read for it.
        package let bytes: Int
        /// Event time that the partition has come to, milliseconds; 0 at first.
        package let clock: Int64
        /// Whether events are missing, and since which event time, milliseconds.
        package let gap: (isOpen: Bool, since: Int64?)
        /// How many partitions the topic had when the state was begun; `nil` where that is not known.
        package let partitions: Int?
        /// Offset and timestamp, milliseconds, of the last message in it, where they are known.
        package let lastMessage: (offset: Int64, timestamp: Int64)?
        /// Whether messages were understood as the configuration says now.
        package let isOfThisFormat: Bool
        /// Whether predictions wait for their labels in it.
        package let isGraded: Bool
    }

    let settings: WorkerSettings
    private let warn: @Sendable (String) -> Void

    /// - Parameters:
    ///   - settings: name the group, the topic and the store.
    ///   - warn: told of checkpoints that are passed over.
    package init(settings: WorkerSettings, warn: @escaping @Sendable (String) -> Void) {
        self.settings = settings
        self.warn = warn
    }

    /// The newest valid checkpoint of each partition that has one.
    /// - Throws: `WorkerError`, `KafkaError` when the store or the topic cannot be reached.
    /// - Complexity: Reads every checkpoint.
    package func list() throws -> [Summary] {
        let store = try store()
        return try partitions().compactMap { partition in
            let found = try read(partition, from: store)
            guard let header = found.header else { return nil }
            return Summary(
                partition: partition.partition, offset: header.offset, customers: header.customers, bytes: found.bytes,
                clock: header.clock.time, gap: (header.gap != nil, header.gap?.since), partitions: header.partitions,
                lastMessage: header.mark.map { ($0.offset, $0.timestamp) },
                isOfThisFormat: header.decoderFingerprint == CheckpointHeader.decoderFingerprint(settings.events),
                isGraded: !found.labelJoinRecords.isEmpty)
        }
    }

    /// A customer's state, with the partition that it is in; `nil` when no checkpoint has the customer.
    /// - Throws: As `list`.
    package func customer(_ customerID: String) throws -> (partition: Int32, state: CustomerState)? {
        let store = try store()
        for partition in try partitions() {
            let found = try read(partition, from: store)
            var text = customerID
            let state = text.withUTF8 { bytes in
                let bytes = UnsafeRawBufferPointer(bytes)
                return found.table.index(of: bytes, hash: contentHash(bytes), at: found.table.clock.time).map {
                    found.table.states[$0]
                }
            }
            if let state { return (partition.partition, state) }
        }
        return nil
    }

    /// Copies the newest valid checkpoints from this store into files.
    /// - Parameter directory: laid out as `checkpoints.directory`; the copies are to be read with the same group and topic.
    /// - Returns: the partitions that were copied.
    /// - Throws: `WorkerError` when workers are running, there is nothing to copy, or there are checkpoints already.
    package func export(to directory: String) throws -> [Int32] {
        try copy(from: store(), to: DirectoryCheckpoints(path: directory, group: settings.group))
    }

    /// Copies files into this store.
    /// - Throws: As `export`.
    package func importing(from directory: String) throws -> [Int32] {
        guard FileManager.default.fileExists(atPath: directory) else {
            throw WorkerError("there is no directory \(directory)")
        }
        let source = try DirectoryCheckpoints(path: directory, group: settings.group)
        if let topic = settings.checkpointTopicName { try TopicCheck(settings: settings).provide(topic) }
        return try copy(from: source, to: store())
    }

    private func copy(from source: any CheckpointStore, to target: any CheckpointStore) throws -> [Int32] {
        try requireNoMembers()
        var targetSettings = settings
        targetSettings.checkpoints = target.isIncremental ? .topic : .directory
        let transfer = try CheckpointTransfer(into: target, settings: targetSettings)
        var copied: [Int32] = []
        for partition in try partitions() {
            var found = try read(partition, from: source)
            guard let header = found.header else { continue }
            try requireWhole(found, of: partition)
            let former = try read(partition, from: target)
            if let there = former.header {
                throw WorkerError(
                    "\(partition) has a checkpoint of offset \(there.offset) where it is to be copied to: remove it, or name "
                        + "another place; \(copied.count) partitions were copied before")
            }
            var labelJoinRecords = found.labelJoinRecords.sorted { $0.key < $1.key }[...]
            found.table.beginSnapshot(.everything)
            try transfer.write(header, after: former.lineage) { writer, limit in
                while writer.count < limit, let record = labelJoinRecords.popFirst() {
                    SnapshotRecord.append(labelJoin: record.key, record.value, to: &writer)
                }
                return try writer.count >= limit || found.table.writeSnapshot(into: &writer, bytes: limit)
            }
            copied.append(partition.partition)
        }
        guard !copied.isEmpty else {
            throw WorkerError("there is no checkpoint of group \(settings.group) and topic \(settings.inputTopic)")
        }
        return copied
    }

    // MARK: What there is

    func store() throws -> any CheckpointStore {
        guard let store = try settings.makeCheckpointStore() else {
            throw WorkerError("checkpoints.store is none: there are no checkpoints")
        }
        return store
    }

    func partitions() throws -> [TopicPartition] {
        let check = try TopicCheck(settings: settings)
        try check.require([settings.inputTopic])
        return (0..<Int32(try check.partitionCount(of: settings.inputTopic))).map {
            TopicPartition(topic: settings.inputTopic, partition: $0)
        }
    }

    func read(_ partition: TopicPartition, from store: any CheckpointStore) throws -> RestoredState {
        try store.restore(
            RestoreRequest(
                partition: partition, committed: .max, timeToLiveDays: settings.timeToLiveDays, progress: { _ in },
                warn: warn))
    }

    /// - Throws: `WorkerError` while workers of the group run: what they write meanwhile would be lost.
    func requireNoMembers() throws {
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        let members: [GroupMember]
        do {
            members = try admin.members(ofGroup: settings.group, timeoutMilliseconds: 10_000)
        } catch {
            throw WorkerError("nobody tells whether workers of group \(settings.group) run: \(error)")
        }
        guard members.isEmpty else {
            throw WorkerError(
                "group \(settings.group) has \(members.count) members at work: stop its workers first, since checkpoints that "
                    + "they write meanwhile would be lost")
        }
    }

    /// A checkpoint topic may hold states that are newer than its last whole checkpoint.
    func requireWhole(_ found: RestoredState, of partition: TopicPartition) throws(WorkerError) {
        guard found.perKeyOffsets.isEmpty else {
            throw WorkerError(
                "\(partition): a checkpoint had been begun and not finished when its worker was killed. Start a worker and "
                    + "stop it in order; then its last checkpoint is whole")
        }
    }
}
