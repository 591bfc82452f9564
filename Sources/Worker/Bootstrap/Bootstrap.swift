import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Monitoring
import Pipeline
import Scoring

/// Makes the first checkpoints of a group from a history, up to where the input topic's log goes on: for a topic whose retention
/// has taken the beginning away.
///
/// Histories and logs overlap. An event that both have is told by what it says, and left out of the history as often as the log
/// has it, from the end: state and log then hold it once, and the state is what the whole log would have made.
package struct Bootstrap {
    /// What became of a partition.
    package struct Report: Sendable, Equatable {
        /// The partition's number.
        package let partition: Int32
        /// Offset of the log's first message that the checkpoint does not hold.
        package let offset: Int64
        /// Events of the history that the checkpoint holds.
        package let events: Int
        /// Events of the history that the log has too, and that were left to it.
        package let overlap: Int
        /// Customers in the checkpoint.
        package let customers: Int
        /// Event time of the last event that was taken from the history, milliseconds.
        package let lastTime: Int64?
        /// Event time of the log's first event, milliseconds.
        package let logTime: Int64?
        /// Whether predictions of the history wait for their labels in the checkpoint.
        package let isGraded: Bool
    }

    private static let timeoutMilliseconds = 30_000
    /// Events that are scored together.
    private static let batchEvents = 1024

    private let settings: WorkerSettings
    private let artifact: ModelArtifact

    /// - Parameters:
    ///   - settings: the worker's whose checkpoints these will be.
    ///   - artifact: what the history's predictions are graded with.
    package init(settings: WorkerSettings, artifact: ModelArtifact) {
        self.settings = settings
        self.artifact = artifact
    }

    /// Reads the history three times, and the log as far as the two may overlap, then writes a checkpoint of each partition.
    /// - Parameters:
    ///   - starts: by partition, the offset from which the log is to be read; where it begins unless given.
    ///   - progress: told what is being done, and how much of that is.
    /// - Throws: `WorkerError`, `HistoryError`, `KafkaError`; no checkpoint is half-written then.
    /// - Complexity: O(history), and memory for its customers and for the events that the log has too.
    package func run(
        _ history: History, from starts: [Int32: Int64], progress: (_ step: String, _ share: Double?) -> Void
    ) throws -> [Report] {
        let check = try TopicCheck(settings: settings)
        try check.require([settings.inputTopic])
        if let topic = settings.checkpointTopicName { try check.provide(topic) }
        let stored = StoredCheckpoints(settings: settings) { _ in }
        try stored.requireNoMembers()
        let ranges = try ranges(starts, count: try check.partitionCount(of: settings.inputTopic))
        let store = try stored.store()
        let lineages = try lineages(stored, store, ranges)

        let end = try lastTime(of: history, progress)
        progress("reading the log", nil)
        let overlap = try LogOverlap(
            ranges, historyEnd: end, format: settings.events, properties: settings.kafkaProperties.client)
        let partitioner = try Partitioner(overlap, count: ranges.count)
        let counts = try counts(of: history, overlap, partitioner, progress)
        let parts = try ranges.map { partition, range in
            try Part(
                partition, from: range.lowerBound, count: ranges.count, counts[partition.partition] ?? Counts(),
                overlap.partitions[partition.partition] ?? LogOverlap.Partition(), settings, artifact)
        }
        let byNumber = Dictionary(uniqueKeysWithValues: parts.map { ($0.partition.partition, $0) })
        try forEach(history, "taking the history in", progress) { event, isLast in
            try byNumber[partitioner.partition(of: event)]?.take(event, isLastOfMessage: isLast)
        }
        try stored.requireNoMembers()
        let transfer = try CheckpointTransfer(into: store, settings: settings)
        return try parts.sorted { $0.partition < $1.partition }.enumerated().map { index, part in
            progress("writing checkpoints", Double(index) / Double(parts.count))
            return try part.write(to: transfer, after: lineages[part.partition] ?? CheckpointLineage())
        }
    }

    // MARK: What there is

    /// Where the log goes on and where it ends, of each partition.
    private func ranges(_ starts: [Int32: Int64], count: Int) throws -> [TopicPartition: Range<Int64>] {
        if let unknown = starts.keys.first(where: { !(0..<Int32(count)).contains($0) }) {
            throw WorkerError("\(settings.inputTopic) has partitions 0 to \(count - 1), and no \(unknown)")
        }
        let consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": settings.group]) { $1 })
        defer { consumer.close() }
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for number in 0..<Int32(count) {
            let partition = TopicPartition(topic: settings.inputTopic, partition: number)
            let log = try consumer.watermarks(of: partition, timeoutMilliseconds: Self.timeoutMilliseconds)
            let start = starts[number] ?? log.low
            guard (log.low...log.high).contains(start) else {
                throw WorkerError("\(partition) reaches from offset \(log.low) to \(log.high), and not to \(start)")
            }
            ranges[partition] = start..<log.high
        }
        for place in try consumer.committed(Array(ranges.keys), timeoutMilliseconds: Self.timeoutMilliseconds) {
            guard place.offset >= 0, let start = ranges[place.partition]?.lowerBound, place.offset < start else {
                continue
            }
            throw WorkerError(
                "group \(settings.group) has committed \(place), before offset \(start) where the log is to be read from: "
                    + "name another group, or --from-offset \(place.partition.partition):\(place.offset)")
        }
        return ranges
    }

    /// What the store knows of earlier owners.
    /// - Throws: `WorkerError` when there is a checkpoint already.
    private func lineages(
        _ stored: StoredCheckpoints, _ store: any CheckpointStore, _ ranges: [TopicPartition: Range<Int64>]
    ) throws -> [TopicPartition: CheckpointLineage] {
        var lineages: [TopicPartition: CheckpointLineage] = [:]
        for partition in ranges.keys {
            let found = try stored.read(partition, from: store)
            if let header = found.header {
                throw WorkerError(
                    "\(partition) has a checkpoint of offset \(header.offset) already: name another group or another "
                        + "place under checkpoints:, or remove it")
            }
            lineages[partition] = found.lineage
        }
        return lineages
    }

    // MARK: The history

    private func forEach(
        _ history: History, _ step: String, _ progress: (String, Double?) -> Void,
        _ body: (CustomerEvent, _ isLastOfMessage: Bool) throws -> Void
    ) throws {
        var read = 0
        let reader = try history.merged()
        while let event = try reader.next() {
            if !event.isAnonymous { try body(event, reader.isLastOfMessage) }
            read += 1
            if read % 65_536 == 0 { progress(step, reader.share) }
        }
    }

    private func lastTime(of history: History, _ progress: (String, Double?) -> Void) throws -> Int64 {
        var last: Int64 = 0
        try forEach(history, "looking through the history", progress) { event, _ in last = max(last, event.time) }
        return last
    }

    /// How many messages of a partition the history has, and how often it has the events that the log has too.
    private struct Counts {
        var messages = 0
        var events: [UInt64: Int] = [:]
    }

    private func counts(
        of history: History, _ overlap: LogOverlap, _ partitioner: Partitioner, _ progress: (String, Double?) -> Void
    ) throws -> [Int32: Counts] {
        var counts: [Int32: Counts] = [:]
        try forEach(history, "comparing history and log", progress) { event, isLast in
            let partition = partitioner.partition(of: event)
            if isLast { counts[partition, default: Counts()].messages += 1 }
            guard let log = overlap.partitions[partition], !log.events.isEmpty else { return }
            let signature = event.signature
            if log.events[signature] != nil { counts[partition, default: Counts()].events[signature, default: 0] += 1 }
        }
        return counts
    }

    /// Which partition a customer's messages come to.
    private struct Partitioner {
        let count: Int
        let isConsistent: Bool

        /// - Throws: `WorkerError` when neither partitioner explains where the log has its customers.
        init(_ overlap: LogOverlap, count: Int) throws(WorkerError) {
            self.count = count
            let placed = overlap.placed
            isConsistent = placed.murmur2 < placed.all
            guard placed.all == max(placed.murmur2, placed.consistent) || count == 1 else {
                throw WorkerError(
                    "of \(placed.all) events in the log \(placed.murmur2) are where Java's partitioner (murmur2) puts their "
                        + "customers, and \(placed.consistent) where librdkafka's (CRC-32) does: the messages' keys are not "
                        + "the customers, so that nobody can tell which partition a customer of the history belongs to")
            }
        }

        func partition(of event: CustomerEvent) -> Int32 {
            isConsistent
                ? ConsistentPartitioner.partition(of: event.customerID, count: count)
                : Murmur2Partitioner.partition(of: Array(event.customerID), count: count)
        }
    }

    // MARK: A partition

    /// One partition's state while the history is taken in.
    private final class Part {
        let partition: TopicPartition
        private let offset: Int64
        private let count: Int
        private let state: PartitionState
        private let pipeline: ScoringPipeline
        private let settings: WorkerSettings
        private let log: LogOverlap.Partition
        private let sink = NoSink()
        /// How often each event of the overlap is still to be taken, before the rest is left to the log.
        private var toTake: [UInt64: Int]
        private var events = 0
        private var overlap = 0
        private var lastTime: Int64?

        init(
            _ partition: TopicPartition, from offset: Int64, count: Int, _ counts: Counts, _ log: LogOverlap.Partition,
            _ settings: WorkerSettings, _ artifact: ModelArtifact
        ) throws {
            self.partition = partition
            self.offset = offset
            self.count = count
            self.settings = settings
            self.log = log
            toTake = counts.events.reduce(into: [:]) { $0[$1.key] = max(0, $1.value - (log.events[$1.key] ?? 0)) }
            let left = counts.events.reduce(0) { $0 + min($1.value, log.events[$1.key] ?? 0) }
            pipeline = ScoringPipeline(
                decoder: EventDecoder(format: settings.events), scorer: Scorer(artifact: artifact),
                monitor: PredictionMonitor())
            // As if the messages stood right before the log's. Where there is no room for them nobody could say which prediction
            // an outcome is of.
            let first = offset - Int64(counts.messages - left)
            state = PartitionState(
                topic: partition.topic, number: partition.partition, startOffset: first, restoreEndOffset: .max,
                timeToLiveDays: settings.timeToLiveDays,
                // Offsets are known where each message is one event.
                labelJoin: settings.isGrading && first >= 0 && settings.events.lines == nil
                    ? pipeline.makeLabelJoin(windowDays: settings.gradingWindowDays, limit: settings.gradingLimit) : nil
            )
        }

        func take(_ event: CustomerEvent, isLastOfMessage: Bool) throws {
            let signature = event.signature
            if let left = toTake[signature] {
                guard left > 0 else {
                    overlap += 1
                    return
                }
                toTake[signature] = left - 1
            }
            events += 1
            lastTime = max(lastTime ?? event.time, event.time)
            pipeline.take(event, isLastOfMessage: isLastOfMessage, into: state)
            if pipeline.takenCount >= Bootstrap.batchEvents { _ = try pipeline.publishTaken(of: state, into: sink) }
        }

        func write(to transfer: CheckpointTransfer, after lineage: CheckpointLineage) throws -> Report {
            _ = try pipeline.publishTaken(of: state, into: sink)
            guard state.labelJoin == nil || state.stateOffset == offset else {
                throw WorkerError(
                    "\(partition): the history has changed while it was read: \(state.stateOffset) messages and not \(offset)"
                )
            }
            state.goOn(at: offset, mark: log.mark)
            let header = CheckpointHeader(
                partition: partition, offset: offset,
                stateFingerprint: CheckpointHeader.stateFingerprint(timeToLiveDays: settings.timeToLiveDays),
                decoderFingerprint: CheckpointHeader.decoderFingerprint(settings.events), decodedFrom: offset,
                mark: log.mark, partitions: count, clock: state.table.clock, customers: state.table.count,
                schemas: settings.events.catalogue?.latest ?? [])
            state.beginSnapshot(isFull: true)
            try transfer.write(header, after: lineage) { writer, limit in
                try state.writeSnapshot(into: &writer, bytes: limit)
            }
            return Report(
                partition: partition.partition, offset: offset, events: events, overlap: overlap,
                customers: state.table.count, lastTime: lastTime, logTime: log.firstTime,
                isGraded: state.labelJoin != nil)
        }
    }

    /// Nothing of a history is published.
    private final class NoSink: RecordSink {
        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {}
    }
}
