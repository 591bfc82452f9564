import Events
import Foundation
import Kafka
import SchemaRegistry
import TestSupport
import Testing

@testable import Worker

/// A registry that goes away stops what it has never been asked about, and nothing else.
@Suite(.waiting, .enabled(if: SchemaRegistryProcess.python != nil, SchemaRegistryProcess.skipped))
struct SchemaOutageTests {
    /// The schema of the messages under a number of its own.
    static func registerAgain(_ registry: SchemaRegistryProcess, _ directory: TemporaryDirectory) throws -> UInt32 {
        let text = try String(contentsOfFile: "\(directory.path)/event.avsc", encoding: .utf8)
        let path = try directory.file(
            "again.avsc", text.replacing(#""name": "Event","#, with: #""name": "Event", "doc": "again","#))
        return try #require(UInt32(try registry.run("register again-value AVRO \(path)")))
    }

    /// Messages with another schema's number in their frames.
    static func renumbered(_ messages: ArraySlice<[UInt8]>, _ number: UInt32) -> [[UInt8]] {
        messages.map { message in
            [0] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } + message[5...]
        }
    }

    @Test(arguments: [WorkerSettings.CheckpointKind.directory, .topic])
    func anOutageStopsOnlyWhatIsNew(store: WorkerSettings.CheckpointKind) async throws {
        let (flat, payloads) = try WorkerTests.shop()
        let directory = try TemporaryDirectory()
        let source = try directory.file("flat.ndjson", Array(flat.map(\.value).joined(separator: [0x0A])))
        var registry = try SchemaRegistryProcess()
        let url = registry.url
        try registry.run("messages \(source) \(directory.path)")
        let messages = try SchemaRegistryProcess.messages("\(directory.path)/avro.messages")
        #expect(messages.count == flat.count)

        let rig = try WorkerRig(partitions: 2)
        rig.settings.recoverySeconds = 1
        rig.settings.checkpoints = store
        if let topic = rig.settings.checkpointTopicName { _ = try rig.broker.createTopic(topic, partitions: 2) }
        /// Settings of a worker that has asked for nothing yet.
        func fresh() -> WorkerSettings {
            var settings = rig.settings
            var format = EventFormat()
            (format.codec, format.framing) = (.avro, .confluent)
            var registry = RegistrySettings()
            registry.urls = [url]
            format.catalogue = SchemaCatalogue(of: RegistryClient(registry), codec: .avro)
            for (field, path) in [
                (EventField.customerID, "customer.id"), (.country, "customer.country"), (.invoiceDate, "at"),
                (.stockCode, "product.stock_code"), (.description, "product.description"),
            ] { format.fields[field] = path }
            settings.events = format
            return settings
        }
        let kafka = rig.settings
        @Sendable func publish(_ part: [[UInt8]], partition: Int32) throws {
            try WorkerTests.publish(part.map { (key: [], value: $0) }, kafka, partition: partition)
        }
        let third = messages.count / 3
        // Partition 0 has all messages by the known schema, partition 1 the same ones, the middle third by the new schema.
        rig.settings = fresh()
        let worker = try rig.worker()
        try await rig.running(worker) {
            for partition in [0, 1] as [Int32] { try publish(Array(messages[..<third]), partition: partition) }
            try wait(for: "the first third") { worker.counters.snapshot.committed == 2 * third }
            try wait(for: "checkpoints") { worker.counters.snapshot.checkpoints >= 2 }
        }
        let again = try Self.registerAgain(registry, directory)
        registry.stop()

        rig.settings = fresh()
        let second = try rig.worker()
        try await rig.running(second) {
            try publish(Self.renumbered(messages[third..<(2 * third)], again), partition: 1)
            try publish(Array(messages[third...]), partition: 0)
            // What was known when the checkpoint was taken is read without the registry.
            try wait(for: "partition 0") { second.counters.snapshot.committed == messages.count - third }
            try wait(for: "partition 1 waits") {
                second.status.partitions.contains { $0.partition == 1 && $0.phase == .awaitingSchema }
            }
        }
        #expect(second.counters.snapshot.rejected == 0)

        rig.settings = fresh()
        let last = try rig.worker()
        let port = try #require(URL(string: url)?.port)
        registry = try SchemaRegistryProcess(["--port", "\(port)"])
        try registry.run("messages \(source) \(directory.path)")
        #expect(try Self.registerAgain(registry, directory) == again)
        try await rig.running(last) {
            try publish(Array(messages[(2 * third)...]), partition: 1)
            try wait(for: "partition 1") { last.counters.snapshot.committed == messages.count - third }
        }
        #expect(last.counters.snapshot.rejected == 0)
        let records = try WorkerTests.records(2 * payloads.count, rig.settings)
        for partition in [0, 1] as [Int32] {
            let its = records.filter { $0.sourcePartition == partition }.map {
                String(decoding: $0.value, as: UTF8.self)
            }
            #expect(its == payloads, "partition \(partition)")
        }
    }
}
