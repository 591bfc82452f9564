import Customers
import Events
import Features

/// The label join's records in a checkpoint.
///
/// Record 0 is the head:
///
///     next offset            varint, zigzag
///     partition clock        see `PartitionClock`
///     sampled below          varint
///     first chunk, chunks    varint
///     versions               varint, then each one, see `LabelJoin.Version`
///     horizon                varint, days; none is 30
///
/// Record n + 1 is chunk n, see `PredictionChunk.encode`; an empty record deletes it. The head is written last, so its
/// presence implies that all chunks are present.
extension LabelJoin {
    /// Records of a snapshot that have not been read yet.
    struct OpenSnapshot: Sendable {
        let scope: SnapshotScope
        var removed: Range<Int>
        var chunks: [(number: Int, chunk: PredictionChunk)]
        let head: [UInt8]
    }

    /// What a snapshot covers, and what the next one must cover instead if it is not completed.
    struct SnapshotScope: Sendable {
        /// Numbers of the chunks.
        let chunks: [Int]
        let removed: Range<Int>
    }

    private static let headNumber: UInt64 = 0

    /// Begins a snapshot of the present state, which later changes do not affect. Discards one that is still open; one that was
    /// completed is taken to be durable.
    /// - Parameters:
    ///   - isFull: whether it holds everything, instead of the changes since the last snapshot.
    ///   - offset: the partition's next offset. It may be beyond `nextOffset`, since not every message is joined.
    /// - Complexity: O(chunks). Until all records are read, changing a chunk for the first time copies it.
    package mutating func beginSnapshot(isFull: Bool, upTo offset: Int64) {
        discardOpenSnapshot()
        completed = nil
        var head = ByteWriter()
        head.signed(max(offset, nextOffset))
        progress.clock.encode(into: &head)
        head.varint(progress.sampledBelow)
        head.varint(UInt64(progress.firstChunk))
        head.varint(UInt64(chunks.count))
        head.varint(UInt64(versions.count))
        for version in versions { version.encode(into: &head) }
        // What was written before there were other horizons stays as it is.
        if horizon != Horizon.standard.milliseconds { head.varint(UInt64(horizon / EventTime.millisecondsPerDay)) }
        let covered = chunks.indices.filter { isFull || chunks[$0].isChanged }
        snapshot = OpenSnapshot(
            scope: SnapshotScope(chunks: covered.map { progress.firstChunk + $0 }, removed: progress.removed),
            removed: isFull ? 0..<0 : progress.removed,
            chunks: covered.map { (progress.firstChunk + $0, chunks[$0]) }.reversed(), head: head.take())
        for chunk in covered { chunks[chunk].isChanged = false }
        progress.removed = 0..<0
    }

    /// The next record of the open snapshot; `nil` when all have been read.
    /// - Returns: the record's number and its bytes, which are empty for a deleted record.
    package mutating func nextRecord() -> (number: UInt64, bytes: [UInt8])? {
        if let removed = snapshot?.removed, let gone = removed.first {
            snapshot?.removed = removed.dropFirst()
            return (UInt64(gone) + 1, [])
        }
        if let (number, chunk) = snapshot?.chunks.popLast() {
            var writer = ByteWriter()
            chunk.encode(into: &writer)
            return (UInt64(number) + 1, writer.take())
        }
        guard let last = snapshot else { return nil }
        snapshot = nil
        completed = last.scope
        journal.log(ended: last.scope)
        return (Self.headNumber, last.head)
    }

    /// Ends a snapshot that will not become durable, whether it is still open or completed. The next one covers what it covered.
    package mutating func discardSnapshot() {
        discardOpenSnapshot()
        guard let lost = completed else { return }
        completed = nil
        journal.log(ended: lost)
        markChanged(lost)
    }

    private mutating func discardOpenSnapshot() {
        guard let discarded = snapshot else { return }
        snapshot = nil
        journal.log(ended: discarded.scope)
        markChanged(discarded.scope)
    }

    /// Has the next snapshot cover again what an earlier one covered.
    mutating func markChanged(_ scope: SnapshotScope) {
        let first = progress.firstChunk
        for number in scope.chunks where number >= first && number < first + chunks.count {
            chunks[number - first].isChanged = true
        }
        guard !scope.removed.isEmpty else { return }
        let removed = progress.removed.isEmpty ? scope.removed : progress.removed
        let lower = min(removed.lowerBound, scope.removed.lowerBound)
        // After an undo, chunks that the snapshot found removed may be back.
        let upper = min(max(removed.upperBound, scope.removed.upperBound), first)
        progress.removed = lower..<max(lower, upper)
    }

    /// Replaces the state by that of a snapshot. The present version stays in use, and there is no undo point afterwards.
    /// - Parameters:
    ///   - records: by number.
    ///   - offset: the stream resumes here, so the snapshot must reach at least as far.
    /// - Throws: `StateError` when the records are damaged or incomplete; the state is then unchanged.
    package mutating func restore(_ records: [UInt64: [UInt8]], atLeastUpTo offset: Int64) throws(StateError) {
        guard let head = records[Self.headNumber] else { throw StateError("labeled predictions without a head record") }
        var restored = self
        restored.journal.end()
        restored.snapshot = nil
        restored.completed = nil
        try head.withReader { reader throws(StateError) in
            let numbers = try restored.readHead(&reader, atLeastUpTo: offset)
            var predictions = try restored.readChunks(numbers, records)
            // A later snapshot may have been begun but not completed. Its later predictions will be made again.
            while let last = predictions.last, last.offset >= restored.nextOffset { predictions.removeLast() }
            restored.progress.firstChunk = numbers.lowerBound
            restored.chunks = []
            restored.removeAll()
            for prediction in predictions { restored.readd(prediction) }
            // The chunks are stored under the numbers that they have.
            restored.progress.removed = 0..<0
            for chunk in restored.chunks.indices { restored.chunks[chunk].isChanged = false }
        }
        let inUse = progress.members.map { versions[$0.version] }
        self = restored
        use(inUse)
    }

    /// Reads the head record into `progress`.
    /// - Returns: numbers of the chunks.
    private mutating func readHead(
        _ reader: inout ByteReader, atLeastUpTo offset: Int64
    ) throws(StateError) -> Range<Int> {
        progress.nextOffset = try reader.signed()
        progress.clock = try PartitionClock(decoding: &reader)
        progress.sampledBelow = try reader.varint()
        let first = try reader.varint()
        let count = try reader.varint()
        guard nextOffset >= offset else {
            throw StateError("labeled predictions up to offset \(nextOffset), before the state's \(offset)")
        }
        guard nextOffset >= 0, progress.sampledBelow <= UInt64(1) << 32, first < 1 << 40, count < 1 << 40 else {
            throw StateError("a label join with impossible numbers")
        }
        let versions = try reader.count(ofAtLeast: 3)
        guard versions < Version.limit else { throw StateError("\(versions) versions of models") }
        progress.versions = []
        for _ in 0..<versions { progress.versions.append(try Version(decoding: &reader)) }
        progress.hasShadows = progress.versions.contains(where: \.isShadow)
        let days = reader.isAtEnd ? UInt64(Horizon.standard.days) : try reader.varint()
        guard days == UInt64(horizon / EventTime.millisecondsPerDay) else {
            throw StateError("labels of a model that looks \(days) days ahead")
        }
        return Int(first)..<Int(first + count)
    }

    private func readChunks(
        _ numbers: Range<Int>, _ records: [UInt64: [UInt8]]
    ) throws(StateError) -> [LabeledPrediction] {
        var predictions: [LabeledPrediction] = []
        for number in numbers {
            // Every chunk before this one must have been full.
            guard let record = records[UInt64(number) + 1],
                predictions.count == (number - numbers.lowerBound) * PredictionChunk.limit
            else { throw StateError("labeled predictions are missing") }
            try record.withReader { reader throws(StateError) in
                try PredictionChunk.decode(&reader, versions: versions.count, into: &predictions)
            }
        }
        return predictions
    }
}
