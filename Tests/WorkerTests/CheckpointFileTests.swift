import Customers
import Events
import Foundation
import Kafka
import TestSupport
import Testing

@testable import Pipeline
@testable import Worker

@Suite struct CheckpointFileTests {
    let decoder = EventDecoder()
    let directory: TemporaryDirectory
    let partition = TopicPartition(topic: "orders.of/all", partition: 3)

    init() throws { directory = try TemporaryDirectory() }

    /// Nothing is published by a store of files.
    final class NoPublisher: CheckpointPublisher {
        func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) { Issue.record("published") }
        var outstanding: Int { 0 }
    }

    func table(customers: Int, seed: UInt64) throws -> CustomerTable {
        var random = SplitMix64(seed: seed)
        var table = CustomerTable()
        for customer in 0..<customers {
            for var event in SlowCustomer.random(&random, count: 1 + Int(random.next() % 9)) {
                event.customer = "c\(customer)"
                try decoder.with(event) { table.update($0) }
            }
        }
        return table
    }

    func task(_ table: CustomerTable, offset: Int64, committed: Int64 = 1 << 40) -> PartitionTask {
        let state = PartitionState(
            topic: partition.topic, number: partition.partition, startOffset: 0, restoreEndOffset: committed,
            timeToLiveDays: 730, labelJoin: nil)
        state.table = table
        let task = PartitionTask(
            partition: partition, state: state, logStartOffset: 0, logEndOffset: 0, restore: nil, isAtStart: true)
        state.took(upTo: offset)
        _ = task.processed(live: 1)
        return task
    }

    func request(
        committed: Int64 = 1 << 40, timeToLiveDays: Int = 730, warn: @escaping @Sendable (String) -> Void = { _ in }
    )
        -> RestoreRequest
    {
        RestoreRequest(
            partition: partition, committed: committed, timeToLiveDays: timeToLiveDays, progress: { _ in }, warn: warn)
    }

    /// Takes a checkpoint as the worker does, in slices.
    @discardableResult
    func take(_ store: DirectoryCheckpoints, _ task: PartitionTask, slice: Int = 500) throws -> CheckpointReceipt {
        let header = CheckpointHeader(of: task, decoderFingerprint: 7, timeToLiveDays: 730)
        let writer = try store.begin(header, after: CheckpointLineage(), publisher: NoPublisher())
        task.state.table.beginSnapshot(.everything)
        var isMore = true
        while isMore {
            var records = ByteWriter()
            isMore = try task.state.table.writeSnapshot(into: &records, bytes: slice)
            try writer.append(records.take())
        }
        try writer.finish()
        try wait(for: "the checkpoint") { writer.outcome != nil }
        return try writer.outcome!.get()
    }

    var files: [String] {
        FileManager.default.subpaths(atPath: directory.path)!.filter { $0.hasSuffix("checkpoint") }.sorted()
    }

    @Test func givesBackWhatWasTaken() throws {
        for seed in UInt64(0)..<30 {
            let store = try DirectoryCheckpoints(path: "\(directory.path)/\(seed)", group: "g")
            let table = try table(customers: Int(seed * 7), seed: seed)
            try take(store, task(table, offset: 100))
            let state = try store.restore(request { Issue.record("\($0)") })
            #expect(state.header?.offset == 100)
            #expect(state.header?.decoderFingerprint == 7)
            #expect(state.table.difference(from: table) == nil)
        }
    }

    @Test func detectsEveryChangedByteAndEveryTruncation() throws {
        let store = try DirectoryCheckpoints(path: directory.path, group: "g")
        try take(store, task(try table(customers: 6, seed: 3), offset: 10), slice: 200)
        let path = "\(directory.path)/\(files[0])"
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(bytes.count > 500)
        func isRefused(_ bytes: [UInt8]) throws -> Bool {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            do {
                _ = try CheckpointFile.read(path: path, request())
                return false
            } catch is StateError { return true }
        }
        #expect(try !isRefused(bytes))
        var random = SplitMix64(seed: 1)
        for at in bytes.indices {
            var changed = bytes
            changed[at] ^= UInt8(truncatingIfNeeded: random.next() % 255 + 1)
            #expect(try isRefused(changed), "byte \(at) changed")
            changed[at] = bytes[at] ^ (1 << UInt8(random.next() % 8))
            #expect(try isRefused(changed), "one bit of byte \(at) changed")
            #expect(try isRefused(Array(bytes[..<at])), "cut at \(at)")
        }
        #expect(try isRefused(bytes + [0]), "a byte more")
    }

    @Test func fallsBackToTheOneBeforeAndThenToNothing() throws {
        let store = try DirectoryCheckpoints(path: directory.path, group: "g")
        let (first, second) = (try table(customers: 20, seed: 1), try table(customers: 30, seed: 2))
        try take(store, task(first, offset: 1000))
        try take(store, task(second, offset: 2000))
        #expect(try store.restore(request()).header?.offset == 2000)
        #expect(try store.restore(request(committed: 1999)).header?.offset == 1000, "beyond the committed offset")
        #expect(try store.restore(request(committed: 999)).header == nil)

        let warnings = Warnings()
        try Data("FCCHECK1 and then something else".utf8).write(
            to: URL(fileURLWithPath: "\(directory.path)/\(files.last!)"))
        let state = try store.restore(request { warnings.add($0) })
        #expect(state.header?.offset == 1000)
        #expect(state.table.difference(from: first) == nil)
        #expect(warnings.all.count == 1)
        #expect(warnings.all[0].contains("2-2000.checkpoint is passed over"))

        #expect(try store.restore(request(timeToLiveDays: 365)).header == nil, "another kind of state")
    }

    @Test func keepsTheNewestTwoWhateverTheirOffsets() throws {
        let store = try DirectoryCheckpoints(path: directory.path, group: "g/../../x")
        let table = try table(customers: 3, seed: 1)
        for offset in [500, 900, 100, 200] as [Int64] { try take(store, task(table, offset: offset)) }
        #expect(files.map { ($0 as NSString).lastPathComponent } == ["3-100.checkpoint", "4-200.checkpoint"])
        #expect(files.allSatisfy { !$0.contains("..") }, "\(files)")
    }

    @Test func leavesNothingOfOneThatIsGivenUp() throws {
        let store = try DirectoryCheckpoints(path: directory.path, group: "g")
        let task = task(try table(customers: 10, seed: 1), offset: 5)
        let header = CheckpointHeader(of: task, decoderFingerprint: 7, timeToLiveDays: 730)
        let writer = try store.begin(header, after: CheckpointLineage(), publisher: NoPublisher())
        try writer.append([0])
        writer.discard()
        try wait(for: "the end") { writer.outcome != nil }
        let left = FileManager.default.subpaths(atPath: directory.path)!.filter { $0.hasSuffix("draft") }
        #expect(left.isEmpty && files.isEmpty)
    }

    @Test func saysWhenTheDirectoryCannotBeUsed() throws {
        try Data().write(to: URL(fileURLWithPath: "\(directory.path)/file"))
        do {
            _ = try DirectoryCheckpoints(path: "\(directory.path)/file/x", group: "g")
            Issue.record("a store in a file")
        } catch let error as WorkerError {
            #expect(error.description.contains("checkpoints.directory"))
        }
    }
}

/// Collects what is said on other threads.
final class Warnings: @unchecked Sendable {
    // Sendable because of the lock.
    private let lock = NSLock()
    private var lines: [String] = []

    func add(_ line: String) { lock.withLock { lines.append(line) } }
    var all: [String] { lock.withLock { lines } }
}
