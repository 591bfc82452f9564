import Foundation

/// Bytes of a file or of standard input, unpacked on the way when they are gzip or Zstandard, in UTF-8. Bounded memory.
final class ByteSource {
    let path: String
    /// Size of the file as it lies on disk; `nil` where that is not known (a pipe).
    let totalBytes: Int64?
    /// When the file was written, milliseconds since 1970: nothing in it has happened later. A pipe is being written now.
    let writtenAt: Int64
    /// How much of it has been read.
    private(set) var consumedBytes: Int64 = 0

    private let file: Descriptor
    private var packed = Chunk()
    private let unpacker: (any Unpacker)?
    /// Unpacked bytes: the first ones, and all where they must be turned into UTF-8.
    private var encoded = Chunk()
    private let transcoder: Transcoder?

    /// Bytes that have been read and not been used.
    private struct Chunk {
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        var start = 0
        var end = 0
        var isEmpty: Bool { start == end }

        /// Moves what is left to the front, so that there is room behind it.
        mutating func compact() {
            bytes.replaceSubrange(0..<(end - start), with: Array(bytes[start..<end]))
            (start, end) = (0, end - start)
        }
    }

    /// An open file, closed with its last reference: also where an initialiser throws.
    private final class Descriptor {
        let number: Int32

        init(_ number: Int32) { self.number = number }

        deinit { if number > 0 { close(number) } }
    }

    /// - Throws: `HistoryError` when the file cannot be opened.
    init(path: String, encoding: TextEncoding = .utf8) throws(HistoryError) {
        self.path = path
        if path == "-" {
            file = Descriptor(0)
            totalBytes = nil
            writtenAt = Int64(Date().timeIntervalSince1970 * 1000)
        } else {
            file = Descriptor(open(path, O_RDONLY | O_CLOEXEC))
            guard file.number >= 0 else {
                throw HistoryError(path: path, reason: "cannot be opened: \(String(cString: strerror(errno)))")
            }
            var status = stat()
            fstat(file.number, &status)
            guard status.st_mode & S_IFMT != S_IFDIR else {
                throw HistoryError(path: path, reason: "is a directory, not a history file")
            }
            totalBytes = status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
            writtenAt = Int64(status.st_mtim.tv_sec) * 1000
        }
        // A pipe may hand over a byte at a time; four tell what a file is.
        while packed.end < 4 {
            let count = try Self.read(file.number, path, into: &packed)
            consumedBytes += Int64(count)
            if count == 0 { break }
        }
        unpacker = packed.bytes[..<packed.end].withUnsafeBytes { Unpacking.unpacker(for: $0) }
        // Without a transcoder, what has been unpacked to look at it is handed out first.
        while encoded.end < 2 {
            let count = try Self.unpack(file.number, path, unpacker, &packed, &consumedBytes, into: &encoded)
            if count == 0 { break }
        }
        transcoder = encoded.bytes[..<encoded.end].withUnsafeBytes { Transcoder(encoding, head: $0) }
    }

    /// Fills `buffer` with at least one byte, or returns 0 at the end.
    /// - Throws: `HistoryError` when reading fails, or packed data are damaged or end too early.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(HistoryError) -> Int {
        guard let transcoder else {
            if encoded.isEmpty { return try unpack(into: buffer) }
            let count = min(buffer.count, encoded.end - encoded.start)
            encoded.bytes.withUnsafeBytes {
                buffer.copyMemory(from: .init(rebasing: $0[encoded.start...].prefix(count)))
            }
            encoded.start += count
            return count
        }
        while true {
            let (used, written) = encoded.bytes[encoded.start..<encoded.end].withUnsafeBytes {
                transcoder.transcode($0, into: buffer)
            }
            encoded.start += used
            if written > 0 { return written }
            encoded.compact()
            let count = try Self.unpack(file.number, path, unpacker, &packed, &consumedBytes, into: &encoded)
            if count > 0 { continue }
            guard encoded.isEmpty else { throw HistoryError(path: path, reason: "ends inside a character") }
            return 0
        }
    }

    private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws(HistoryError) -> Int {
        try Self.unpack(file.number, path, unpacker, &packed, &consumedBytes, into: buffer)
    }

    private static func unpack(
        _ descriptor: Int32, _ path: String, _ unpacker: (any Unpacker)?, _ packed: inout Chunk,
        _ consumed: inout Int64,
        into chunk: inout Chunk
    ) throws(HistoryError) -> Int {
        let end = chunk.end
        var count = 0
        do {
            count = try chunk.bytes.withUnsafeMutableBytes {
                try unpack(descriptor, path, unpacker, &packed, &consumed, into: .init(rebasing: $0[end...]))
            }
        } catch let error as HistoryError {
            throw error
        } catch {
            preconditionFailure("unpacking throws HistoryError alone")
        }
        chunk.end += count
        return count
    }

    /// At least one byte of the file's content, or 0 at its end.
    private static func unpack(
        _ descriptor: Int32, _ path: String, _ unpacker: (any Unpacker)?, _ packed: inout Chunk,
        _ consumed: inout Int64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(HistoryError) -> Int {
        while true {
            if packed.isEmpty, unpacker?.mayHoldMore != true {
                (packed.start, packed.end) = (0, 0)
                let count = try read(descriptor, path, into: &packed)
                consumed += Int64(count)
                if count == 0 {
                    guard unpacker?.isBetweenMembers ?? true else {
                        throw HistoryError(
                            path: path, reason: "\(unpacker?.name ?? "") data end too early: the file is truncated")
                    }
                    return 0
                }
            }
            guard let unpacker else {
                let count = min(buffer.count, packed.end - packed.start)
                packed.bytes.withUnsafeBytes {
                    buffer.copyMemory(from: .init(rebasing: $0[packed.start...].prefix(count)))
                }
                packed.start += count
                return count
            }
            let (used, written): (Int, Int)
            do throws(Unpacking.Damage) {
                (used, written) = try unpack(packed, by: unpacker, into: buffer)
            } catch {
                throw HistoryError(path: path, reason: "\(unpacker.name) data are damaged: \(error.reason)")
            }
            packed.start += used
            if written > 0 { return written }
        }
    }

    private static func unpack(
        _ packed: Chunk, by unpacker: any Unpacker, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Unpacking.Damage) -> (used: Int, written: Int) {
        let bytes = packed.bytes.span.bytes
        return try bytes.withUnsafeBytes { (whole) throws(Unpacking.Damage) in
            try unpacker.unpack(UnsafeRawBufferPointer(rebasing: whole[packed.start..<packed.end]), into: buffer)
        }
    }

    private static func read(_ descriptor: Int32, _ path: String, into chunk: inout Chunk) throws(HistoryError) -> Int {
        while true {
            let from = chunk.end
            let count = chunk.bytes.withUnsafeMutableBytes {
                Foundation.read(descriptor, $0.baseAddress! + from, $0.count - from)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw HistoryError(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            chunk.end += count
            return count
        }
    }
}
