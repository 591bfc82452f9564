import Customers
import Events
import Kafka

/// Whole checkpoints at once, without a stream: for the benchmark.
extension CheckpointFile {
    private static let partition = TopicPartition(topic: "benchmark", partition: 0)

    /// Writes a table's checkpoint.
    /// - Parameter slice: told how long each slice took to put together, seconds.
    package static func write(table: inout CustomerTable, path: String, slice: (Double) -> Void) throws {
        let file = try OutputFile(path: path)
        var hash: UInt64 = 0
        var header = ByteWriter()
        CheckpointHeader(
            partition: partition, offset: 0,
            stateFingerprint: CheckpointHeader.stateFingerprint(timeToLiveDays: CustomerTable.defaultTimeToLiveDays),
            decoderFingerprint: 0, decodedFrom: 0, isIncomplete: false, clock: table.clock, customers: table.count
        ).encode(into: &header)
        try file.write(magic + block(header.take(), after: &hash))
        table.beginSnapshot(.everything)
        var isMore = true
        while isMore {
            let start = ContinuousClock.now
            var records = ByteWriter()
            isMore = try table.writeSnapshot(into: &records, bytes: StreamThread.sliceBytes)
            let content = block(records.take(), after: &hash)
            slice((ContinuousClock.now - start) / .seconds(1))
            try file.write(content)
        }
        try file.write(block([], after: &hash))
        try file.close()
    }

    /// Restores a checkpoint that `write` has made.
    /// - Returns: how many customers there are.
    package static func customers(path: String) throws -> Int {
        try read(
            path: path,
            RestoreRequest(
                partition: partition, committed: .max, timeToLiveDays: CustomerTable.defaultTimeToLiveDays,
                progress: { _ in }, warn: { _ in })
        ).table.count
    }
}
