import Customers
import Events
import Foundation
import Pipeline

/// A checkpoint in one file.
///
///     magic       8 bytes, "FCCHECK1"
///     blocks      length u32, hash u64, content
///                 the first holds the header, the others whole records of the snapshot, the last one nothing
///
/// Words are little-endian. A block's hash is the XXH64 of its content seeded with the hash of the block before, so that it
/// covers everything up to there: a changed, missing or displaced block and an early end are all noticed.
enum CheckpointFile {
    static let magic = Array("FCCHECK1".utf8)
    /// Most bytes of a block.
    static let blockLimit = 1 << 30

    /// - Precondition: no more than `blockLimit` bytes.
    static func block(_ content: [UInt8], after hash: inout UInt64) -> [UInt8] {
        hash = content.withUnsafeBytes { contentHash($0, seed: hash) }
        var writer = ByteWriter()
        writer.word32(UInt32(content.count))
        writer.word64(hash)
        content.withUnsafeBytes { writer.append($0) }
        return writer.take()
    }

    /// Reads a whole file.
    /// - Returns: exactly the table that was written.
    /// - Throws: `StateError`, also for a file that cannot be read; what `request.progress` throws.
    static func read(path: String, _ request: RestoreRequest) throws -> RestoredState {
        var reader = try BlockReader(path: path)
        let header = try header(of: try reader.next())
        try request.check(header)
        try request.checkLog(header)
        var table = CustomerTable(timeToLiveDays: request.timeToLiveDays)
        table.restore(clock: header.clock)
        var labelJoinRecords: [UInt64: [UInt8]] = [:]
        while true {
            let content = try reader.next()
            if content.isEmpty { break }
            try take(content, into: &table, &labelJoinRecords)
            try request.progress(reader.share)
        }
        guard reader.isAtEnd else { throw StateError("goes on after its end") }
        guard table.count == header.customers else {
            throw StateError("\(table.count) customers and not \(header.customers)")
        }
        return RestoredState(
            header: header, table: table, labelJoinRecords: labelJoinRecords, bytes: reader.size)
    }

    private static func header(of content: [UInt8]) throws(StateError) -> CheckpointHeader {
        try content.withReader { reader throws(StateError) in
            let header = try CheckpointHeader(decoding: &reader)
            guard reader.isAtEnd else { throw StateError("a header with bytes left over") }
            return header
        }
    }

    private static func take(
        _ content: [UInt8], into table: inout CustomerTable, _ labelJoinRecords: inout [UInt64: [UInt8]]
    ) throws(StateError) {
        try content.withReader { reader throws(StateError) in
            while !reader.isAtEnd {
                if let record = try SnapshotRecord.labelJoin(&reader) {
                    labelJoinRecords[record.number] = Array(record.content)
                } else {
                    try table.restore(from: &reader)
                }
            }
        }
    }

    /// Reads one block after the other and checks each.
    private struct BlockReader {
        private let file: FileHandle
        let size: Int
        private var at = 0
        private var hash: UInt64 = 0

        init(path: String) throws(StateError) {
            do {
                file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
                size = Int(try file.seekToEnd())
                try file.seek(toOffset: 0)
            } catch {
                throw StateError("cannot be read: \((error as NSError).localizedDescription)")
            }
            guard try take(magic.count) == magic else { throw StateError("not a checkpoint") }
        }

        var isAtEnd: Bool { at == size }
        var share: Double { Double(at) / Double(max(size, 1)) }

        mutating func next() throws(StateError) -> [UInt8] {
            let prefix = try take(12)
            let (length, wanted) = prefix.withUnsafeBytes {
                (
                    Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))),
                    UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
                )
            }
            guard length <= blockLimit, length <= size - at else { throw StateError("ends too early") }
            let content = try take(length)
            hash = content.withUnsafeBytes { contentHash($0, seed: hash) }
            guard hash == wanted else { throw StateError("damaged: a checksum does not fit") }
            return content
        }

        private mutating func take(_ count: Int) throws(StateError) -> [UInt8] {
            if count == 0 { return [] }
            guard count <= size - at else { throw StateError("ends too early") }
            do {
                guard let data = try file.read(upToCount: count), data.count == count else {
                    throw StateError("ends too early")
                }
                at += count
                return Array(data)
            } catch {
                throw error as? StateError ?? StateError("cannot be read: \((error as NSError).localizedDescription)")
            }
        }
    }
}
