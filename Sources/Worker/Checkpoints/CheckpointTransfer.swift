import Customers
import Foundation
import Kafka

/// Writes whole checkpoints while no worker runs.
final class CheckpointTransfer {
    /// Bytes of a snapshot that are handed on at once.
    private static let sliceBytes = 1 << 20
    private static let timeoutMilliseconds = 60_000

    private let store: any CheckpointStore
    private let publisher: Publisher

    /// - Throws: `KafkaError` when the store is a topic and Kafka does not answer.
    init(into store: any CheckpointStore, settings: WorkerSettings) throws {
        self.store = store
        publisher = store.isIncremental ? try .transactional(settings) : Publisher(producer: nil)
    }

    deinit { publisher.producer?.close() }

    /// Writes a checkpoint; it is whole and durable on return.
    /// - Parameters:
    ///   - lineage: what the store has of the partition's earlier owners.
    ///   - nextRecords: appends further records of the snapshot, and says whether there are more to come.
    func write(
        _ header: CheckpointHeader, after lineage: CheckpointLineage,
        nextRecords: (inout ByteWriter, _ limit: Int) throws -> Bool
    ) throws {
        try publisher.producer?.beginTransaction()
        let writer = try store.begin(header, after: lineage, publisher: publisher)
        var isMore = true
        while isMore {
            while !writer.isReady { publisher.wait() }
            var records = ByteWriter()
            isMore = try nextRecords(&records, Self.sliceBytes)
            try writer.append(records.take())
        }
        try writer.finish()
        if let producer = publisher.producer {
            try producer.commitTransaction(timeoutMilliseconds: Self.timeoutMilliseconds)
            writer.committed()
        }
        while writer.outcome == nil { publisher.wait() }
        _ = try writer.outcome?.get()
    }

    /// Publishes a topic's records in transactions of its own.
    private final class Publisher: CheckpointPublisher {
        let producer: Producer?

        init(producer: Producer?) { self.producer = producer }

        static func transactional(_ settings: WorkerSettings) throws -> Publisher {
            let producer = try Producer(
                properties: settings.kafkaProperties.producer.merging([
                    "transactional.id": "\(settings.group)-checkpoints", "transaction.timeout.ms": "600000",
                ]) { $1 })
            try producer.initTransactions(timeoutMilliseconds: CheckpointTransfer.timeoutMilliseconds)
            return Publisher(producer: producer)
        }

        var outstanding: Int { producer?.outstanding ?? 0 }

        func wait() {
            if let producer { producer.poll(timeoutMilliseconds: 10) } else { Thread.sleep(forTimeInterval: 0.001) }
        }

        func publish(_ name: String, partition: Int32, key: [UInt8], value: [UInt8]?) throws {
            guard let producer else { preconditionFailure("only a topic's records are published") }
            let topic = try producer.topic(named: name)
            try key.withUnsafeBytes { key in
                guard let value else {
                    return try producer.produce(to: topic, partition: partition, key: key, value: nil)
                }
                try value.withUnsafeBytes { try producer.produce(to: topic, partition: partition, key: key, value: $0) }
            }
        }
    }
}
