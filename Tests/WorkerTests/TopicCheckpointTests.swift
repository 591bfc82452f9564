import Customers
import Events
import Kafka
import TestSupport
import Testing

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

    func task(_ table: CustomerTable, offset: Int64) -> PartitionTask {
        let task = PartitionTask(
            partition: partition, logStart: 0, logEnd: 0, liveFrom: 1 << 40, timeToLiveDays: 730, restore: nil,
            grader: nil,
            isAtStart: true)
        task.table = table
        if offset > 0 { task.processed(upTo: offset, live: 1) }
        return task
    }

    var request: RestoreRequest {
        RestoreRequest(
            partition: partition, committed: 1 << 40, timeToLiveDays: 730, progress: { _ in }, warn: { _ in })
    }

    func restored(_ records: [(key: [UInt8], value: [UInt8]?)]) throws(StateError) -> RestoredState {
        var reading = TopicReading(wanted: request)
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
        task.table.beginSnapshot(lineage.root == nil ? .everything : .changes)
        let before = log.records.count
        var isMore = true
        while isMore {
            var bytes = ByteWriter()
            isMore = try task.table.writeSnapshot(into: &bytes, bytes: 1)
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
                time: 1_291_191_960_000 + task.next * 60_000)
            try decoder.with(event) { task.table.update($0) }
            task.processed(upTo: task.next + 1, live: 1)
        }
    }

    func expectAlike(_ one: CustomerTable, _ other: CustomerTable, _ what: String) {
        #expect(one.count == other.count, "\(what)")
        for index in other.states.indices {
            let customer = other.customerID(at: index)
            #expect(one.state(of: customer)?.lifetime == other.states[index].lifetime, "\(what), \(customer)")
        }
    }

    @Test func followsThroughChangesCrashesAndCompaction() throws {
        for seed in UInt64(0)..<25 {
            var random = SplitMix64(seed: seed)
            let log = Log()
            var task = task(CustomerTable(tracksChanges: true), offset: 0)
            var lineage = CheckpointLineage()
            var events: [SampleEvent] = []
            func go(_ task: PartitionTask, _ count: Int) throws {
                for _ in 0..<count {
                    let event = SampleEvent(
                        customer: "c\(random.next() % 60)", invoice: "\(random.next() % 50)",
                        time: 1_291_191_960_000 + Int64(events.count) * 60_000)
                    events.append(event)
                    try decoder.with(event) { task.table.update($0) }
                    task.processed(upTo: task.next + 1, live: 1)
                }
            }
            for round in 0..<12 {
                try go(task, 40)
                let dies = random.next() % 3 == 0
                lineage = try take(task, log, after: lineage, dyingAfter: dies ? 1 + Int(random.next() % 20) : nil)
                if !dies {
                    expectAlike(try restored(log.compacted).table, task.table, "seed \(seed), round \(round)")
                    continue
                }
                // The next owner: checkpoint, then the log from there, passing over what states hold already.
                let state = try restored(random.next() % 2 == 0 ? log.compacted : log.records)
                let next = PartitionTask(
                    partition: partition, logStart: 0, logEnd: 0, liveFrom: task.next, timeToLiveDays: 730,
                    restore: nil, grader: nil,
                    isAtStart: true)
                next.take(state, decoderFingerprint: 7)
                next.startRunning()
                #expect(state.header != nil || next.next == 0)
                if state.header == nil { next.table = CustomerTable(tracksChanges: true) }
                while next.next < task.next {
                    try decoder.with(events[Int(next.next)]) { event in
                        if next.isTaken(next.next, of: event.customerID) {
                            next.table.observe(event.time)
                        } else {
                            next.table.update(event)
                        }
                    }
                    next.processed(upTo: next.next + 1, live: 1)
                }
                expectAlike(next.table, task.table, "seed \(seed), round \(round), next owner")
                #expect(next.lineage.term > lineage.term || log.records.isEmpty)
                lineage = next.lineage
                task = next
            }
        }
    }

    @Test func writesOnlyWhatHasChanged() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let task = task(CustomerTable(tracksChanges: true), offset: 0)
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
        let task = task(CustomerTable(tracksChanges: true), offset: 0)
        // As many as a customer's state can hold before it is kept within bounds.
        for number in 0..<16_383 {
            let event = SampleEvent(
                invoice: "\(number)", product: "P\(number)", description: "D\(number)",
                time: 1_291_191_960_000 + Int64(number) * 1000)
            try decoder.with(event) { task.table.update($0) }
            task.processed(upTo: task.next + 1, live: 1)
        }
        try take(task, log, after: CheckpointLineage())
        #expect(log.records.allSatisfy { ($0.value?.count ?? 0) < 1_000_000 })
        #expect(log.records.count > 3)
        expectAlike(try restored(log.records).table, task.table, "in parts")
        var lacking = log.records
        lacking.remove(at: 1)
        #expect(throws: StateError("a part of a state is missing")) { try restored(lacking) }
    }

    @Test func distrustsWhatIsDamagedOrLate() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let task = task(CustomerTable(tracksChanges: true), offset: 0)
        try update(task, &random, events: 30, customers: 3)
        try take(task, log, after: CheckpointLineage(term: 5, root: nil))
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
        try take(task, former, after: CheckpointLineage(term: 4, root: nil))
        do throws(StateError) {
            _ = try restored(log.records + former.records)
            Issue.record("a former owner was believed")
        } catch {
            #expect(error.description.contains("a former owner (term 4) wrote after a later one (term 5)"))
        }
    }

    @Test func aLineBegunAfterTheDamageHeals() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let old = task(CustomerTable(tracksChanges: true), offset: 0)
        try update(old, &random, events: 30, customers: 3)
        try take(old, log, after: CheckpointLineage())
        log.records.append((Array("who knows".utf8), [1, 2, 3]))
        #expect(throws: StateError.self) { try restored(log.records) }
        try update(old, &random, events: 5, customers: 3)
        try take(old, log, after: CheckpointLineage(term: 2, root: 1))
        #expect(throws: StateError.self, "a line begun before it") { try restored(log.records) }
        try take(old, log, after: CheckpointLineage(term: 3, root: nil))
        expectAlike(try restored(log.records).table, old.table, "new line")
        #expect(try restored(log.records).lineage == CheckpointLineage(term: 4, root: 3))
    }

    @Test func aNewLineForgetsTheOldOne() throws {
        var random = SplitMix64(seed: 1)
        let log = Log()
        let old = task(CustomerTable(tracksChanges: true), offset: 0)
        try update(old, &random, events: 100, customers: 50)
        try take(old, log, after: CheckpointLineage())
        let new = task(CustomerTable(tracksChanges: true), offset: 0)
        try update(new, &random, events: 10, customers: 5)
        try take(new, log, after: CheckpointLineage(term: 2, root: nil), dyingAfter: 2)
        #expect(try restored(log.records).header == nil, "neither the old one, partly written over, nor the new one")
        try take(new, log, after: CheckpointLineage(term: 3, root: nil))
        expectAlike(try restored(log.records).table, new.table, "new line")
    }
}
