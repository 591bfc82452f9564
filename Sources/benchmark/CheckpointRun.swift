import Customers
import Events
import Foundation
import Kafka
import Worker

/// Writes and restores checkpoints of a table through the directory store, as a stream does.
struct CheckpointRun {
    private let directory: String
    private let store: DirectoryCheckpoints
    private let partition = TopicPartition(topic: "benchmark", partition: 0)

    init(directory: String) throws {
        self.directory = directory
        store = try DirectoryCheckpoints(path: directory, group: "benchmark")
    }

    /// Publishes nothing: files need no publisher.
    private final class NoPublisher: CheckpointPublisher {
        func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) {}
        let outstanding = 0
    }

    /// Writes the table's checkpoint, and waits until it is on disk.
    /// - Parameter slice: told how long the stream would have waited for each slice, seconds.
    func write(_ table: inout CustomerTable, slice: (Double) -> Void) throws {
        let header = CheckpointHeader(
            partition: partition, offset: 0,
            stateFingerprint: CheckpointHeader.stateFingerprint(timeToLiveDays: CustomerTable.defaultTimeToLiveDays),
            decoderFingerprint: 0, decodedFrom: 0, clock: table.clock, customers: table.count)
        let writer = try store.begin(header, after: CheckpointLineage(), publisher: NoPublisher())
        table.beginSnapshot(.everything)
        var isMore = true
        while isMore {
            let start = ContinuousClock.now
            var records = ByteWriter()
            isMore = try table.writeSnapshot(into: &records, bytes: Checkpointer.sliceBytes)
            try writer.append(records.take())
            slice((ContinuousClock.now - start) / .seconds(1))
            while !writer.isReady { Thread.sleep(forTimeInterval: 0.0001) }
        }
        try writer.finish()
        while writer.outcome == nil { Thread.sleep(forTimeInterval: 0.0005) }
        _ = try writer.outcome?.get()
    }

    /// Restores the newest checkpoint.
    func restore() throws -> CustomerTable {
        let request = RestoreRequest(
            partition: partition, committed: .max, timeToLiveDays: CustomerTable.defaultTimeToLiveDays,
            progress: { _ in }, warn: { print("warning: \($0)") })
        return try store.restore(request).table
    }

    /// The bytes of the newest checkpoint.
    func newestFile() throws -> Data {
        let files = FileManager.default.subpaths(atPath: directory)?.filter { $0.hasSuffix(".checkpoint") } ?? []
        let newest = files.max { $0.localizedStandardCompare($1) == .orderedAscending }
        return try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(newest ?? "")"))
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }
}
