import Customers
import Events
import Foundation
import Kafka
import TestSupport
import Testing

@testable import Pipeline
@testable import Worker

@Suite struct TopicCheckpointTests {
    let decoder = EventDecoder()
    let partition = TopicPartition(topic: "customer-events", partition: 0)
    let store = TopicCheckpoints(topic: "checkpoints", properties: [:])

    /// Keeps what is published, in order, as a topic does.
    final class Log: CheckpointPublisher {
        var records: [(key: [UInt8], value: [UInt8]?)] = []

        func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) {
            records.append((key, value))
        }
        var outstanding: Int { 0 }

        /// What compaction would leave: the latest record of each key, in order.
        var compacted: [(key: [UInt8], value: [UInt8]?)] {
            var last: [[UInt8]: Int] = [:]
            for (at, record) in records.enumerated() { last[record.key] = at }
            return records.enumerated().filter { last[$0.element.key] == $0.offset }.map(\.element)
        }
    }

    /// A partition's task at the log's start, whose table keeps account of what changes.
    func task(restoreEndOffset: Int64 = 1 << 40) -> PartitionTask {
        let state = PartitionState(
            topic: partition.topic, number: partition.partition, startOffset: 0, restoreEndOffset: restoreEndOffset,
            timeToLiveDays: 730, labelJoin: nil)
        state.table = CustomerTable(tracksChanges: true)
        return PartitionTask(
            partition: partition, state: state, logStartOffset: 0, logEndOffset: 0, restore: nil, isAtStart: true)
    }

    /// Takes one event as the message that is next in the log.
    func take(_ event: SampleEvent, _ task: PartitionTask) throws {
        let offset = task.position
        try decoder.with(event) { event in
            if task.state.isInRestoredState(offset, of: event.customerID) {
                task.state.table.observe(event.time)
            } else {
                task.state.table.update(event)
            }
        }
        task.state.took(upTo: offset + 1)
        _ = task.processed(live: 1)
    }

    /// A partition's next owner, who has read its checkpoint.
    func owner(of restored: RestoredState, upTo restoreEndOffset: Int64) -> PartitionTask {
        let state = PartitionState(
            topic: partition.topic, number: partition.partition, startOffset: 0, restoreEndOffset: restoreEndOffset,
            timeToLiveDays: 730, labelJoin: nil)
        // The job only makes the task wait for a checkpoint.
        let job = RestoreJob(on: OperationQueue()) { _ in throw CancellationError() }
        let task = PartitionTask(
            partition: partition, state: state, logStartOffset: 0, logEndOffset: 0, restore: job, isAtStart: true)
        task.loaded(restored, decoderFingerprint: 7)
        task.startReading()
        return task
    }

    var request: RestoreRequest {
        RestoreRequest(
            partition: partition, committed: 1 << 40, timeToLiveDays: 730, progress: { _ in }, warn: { _ in })
    }

    func restored(_ records: [(key: [UInt8], value: [UInt8]?)]) throws(StateError) -> RestoredState {
        var reading = TopicReading(request: request)
        for (key, value) in records {
            key.withUnsafeBytes { key in
                guard let value else { return reading.take(key: key, value: nil) }
                value.withUnsafeBytes { reading.take(key: key, value: $0) }
            }
        }
        return try reading.state()
    }

    /// - Parameter records: how many to write before the writer dies; `nil` to finish.
    @discardableResult
    func take(
        _ task: PartitionTask, _ log: Log, after lineage: CheckpointLineage, dyingAfter records: Int? = nil
    ) throws -> CheckpointLineage {
        let header = CheckpointHeader(of: task, decoderFingerprint: 7, timeToLiveDays: 730)
        let writer = try store.begin(header, after: lineage, publisher: log)
        task.state.table.beginSnapshot(lineage.baseEpoch == nil ? .everything : .changes)
        let before = log.records.count
        var isMore = true
        while isMore {
            var bytes = ByteWriter()
            isMore = try task.state.table.writeSnapshot(into: &bytes, bytes: 1)
            try writer.append(bytes.take())
            if let records, log.records.count - before >= records { return lineage }
        }
        try writer.finish()
        #expect(writer.outcome == nil, "not before the commit")
        writer.committed()
        return try #require(try writer.outcome?.get()).lineage
    }

    func update(_ task: PartitionTask, _ random: inout SplitMix64, events: Int, customers: Int) throws {
        for _ in 0..<events {
            let event = SampleEvent(
                customer: "c\(random.next() % UInt64(customers))", invoice: "\(random.next() % 50)",
                time: 1_291_191_960_000 + task.position * 60_000)
            try take(event, task)
        }
    }

    @Test func followsThroughChangesCrashesAndCompaction() throws {
        for seed in UInt64(0)..<25 {
            var random = SplitMix64(seed: seed)
            let log = Log()
            var task = task()
            var lineage = CheckpointLineage()
            var events: [SampleEvent] = []
            func go(_ task: PartitionTask, _ count: Int) throws {
                for _ in 0..<count {
                    let event = SampleEvent(
                        customer: "c\(random.next() % 60)", invoice: "\(random.next() % 50)",
                        time: 1_291_191_960_000 + Int64(events.count) * 60_000)
                    events.append(event)
                    try take(event, task)
                }
            }
            for round in 0..<12 {
                try go(task, 40)
                let dies = random.next() % 3 == 0
                lineage = try take(task, log, after: lineage, dyingAfter: dies ? 1 + Int(random.next() % 20) : nil)
                if !dies {
                    #expect(
                        try restored(log.compacted).table.difference(from: task.state.table) == nil,
                        "seed \(seed), round \(round)")
                    continue
                }
                // The next owner: checkpoint, then the log from there, passing over what states hold already.
                let state = try restored(random.next() % 2 == 0 ? log.compacted : log.records)
                let next = owner(of: state, upTo: task.position)
                #expect(state.header != nil || next.position == 0)
                while next.position < task.position { try take(events[Int(next.position)], next) }
                #expect(
                    next.state.table.difference(from: task.state.table) == nil,
                    "seed \(seed), round \(round), next owner")
                #expect(next.checkpoints.lineage.ownerEpoch > lineage.ownerEpoch || log.records.isEmpty)
                lineage = next.checkpoints.lineage
                task = next
            }
        }
    }

    @Test func writesOnlyWhatHasChanged() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let task = task()
        try update(task, &random, events: 2000, customers: 300)
        let lineage = try take(task, log, after: CheckpointLineage())
        let full = log.records.count
        try update(task, &random, events: 10, customers: 300)
        try take(task, log, after: lineage)
        #expect(full > 250)
        #expect(log.records.count - full <= 11)
    }

    @Test func cutsStatesThatAreTooLargeForAMessage() throws {
        let log = Log()
        let task = task()
        // As many as a customer's state can hold before it is kept within bounds.
        for number in 0..<16_383 {
            let event = SampleEvent(
                invoice: "\(number)", product: "P\(number)", description: "D\(number)",
                time: 1_291_191_960_000 + Int64(number) * 1000)
            try take(event, task)
        }
        try take(task, log, after: CheckpointLineage())
        #expect(log.records.allSatisfy { ($0.value?.count ?? 0) < 1_000_000 })
        #expect(log.records.count > 3)
        #expect(try restored(log.records).table.difference(from: task.state.table) == nil, "in parts")
        var lacking = log.records
        lacking.remove(at: 1)
        #expect(throws: StateError("a part of a state is missing")) { try restored(lacking) }
    }

    @Test func distrustsWhatIsDamagedOrLate() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let task = task()
        try update(task, &random, events: 30, customers: 3)
        try take(task, log, after: CheckpointLineage(ownerEpoch: 5, baseEpoch: nil))
        #expect(try restored(log.records).header?.offset == 30)
        for (at, record) in log.records.enumerated() {
            guard let value = record.value else { continue }
            for byte in value.indices {
                var records = log.records
                records[at].value![byte] ^= UInt8(truncatingIfNeeded: random.next() % 255 + 1)
                #expect(throws: StateError.self, "record \(at), byte \(byte)") { try restored(records) }
            }
            var records = log.records
            records[at].value = Array(value.dropLast())
            #expect(throws: StateError.self) { try restored(records) }
        }
        // A former owner that did not know that it was one.
        let former = Log()
        try take(task, former, after: CheckpointLineage(ownerEpoch: 4, baseEpoch: nil))
        do throws(StateError) {
            _ = try restored(log.records + former.records)
            Issue.record("a former owner was believed")
        } catch {
            #expect(error.description.contains("a former owner (epoch 4) wrote after a later one (epoch 5)"))
        }
    }

    @Test func aBaseCheckpointAfterTheDamageHeals() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let old = task()
        try update(old, &random, events: 30, customers: 3)
        try take(old, log, after: CheckpointLineage())
        log.records.append((Array("who knows".utf8), [1, 2, 3]))
        #expect(throws: StateError.self) { try restored(log.records) }
        try update(old, &random, events: 5, customers: 3)
        try take(old, log, after: CheckpointLineage(ownerEpoch: 2, baseEpoch: 1))
        #expect(throws: StateError.self, "of a base taken before it") { try restored(log.records) }
        try take(old, log, after: CheckpointLineage(ownerEpoch: 3, baseEpoch: nil))
        #expect(try restored(log.records).table.difference(from: old.state.table) == nil, "new base")
        #expect(try restored(log.records).lineage == CheckpointLineage(ownerEpoch: 4, baseEpoch: 3))
    }

    @Test func aNewBaseForgetsTheOldChain() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let old = task()
        try update(old, &random, events: 100, customers: 50)
        try take(old, log, after: CheckpointLineage())
        let new = task()
        try update(new, &random, events: 10, customers: 5)
        try take(new, log, after: CheckpointLineage(ownerEpoch: 2, baseEpoch: nil), dyingAfter: 2)
        #expect(try restored(log.records).header == nil, "neither the old one, partly written over, nor the new one")
        try take(new, log, after: CheckpointLineage(ownerEpoch: 3, baseEpoch: nil))
        #expect(try restored(log.records).table.difference(from: new.state.table) == nil, "new base")
    }
}
