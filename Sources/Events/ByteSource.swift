import CZlib
import Foundation

/// Bytes of a file or of standard input, unpacked on the way when they are gzip. Bounded memory.
final class ByteSource {
    let path: String
    /// Size of the file as it lies on disk; `nil` where that is not known (a pipe).
    let totalBytes: Int64?
    /// How much of it has been read.
    private(set) var consumedBytes: Int64 = 0

    private let descriptor: Int32
    private var input = [UInt8](repeating: 0, count: 1 << 18)
    private var inputStart = 0
    private var inputEnd = 0
    private var inflater: UnsafeMutablePointer<z_stream>?
    private var isAtEnd = false
    /// Inside a gzip member: the end of the file here would be a truncation.
    private var isInMember = false

    /// - Throws: `HistoryError` when the file cannot be opened.
    init(path: String) throws(HistoryError) {
        self.path = path
        if path == "-" {
            descriptor = 0
            totalBytes = nil
        } else {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw HistoryError(path: path, reason: "cannot be opened: \(String(cString: strerror(errno)))")
            }
            var status = stat()
            fstat(descriptor, &status)
            guard status.st_mode & S_IFMT != S_IFDIR else {
                close(descriptor)
                throw HistoryError(path: path, reason: "is a directory, not a history file")
            }
            totalBytes = status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
        }
        // A pipe may hand over one byte at first; two tell gzip.
        repeat { try refill() } while inputEnd == 1 && !isAtEnd
        if inputEnd >= 2, input[0] == 0x1F, input[1] == 0x8B {
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            // 15 window bits, plus 16: gzip framing only.
            guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                stream.deallocate()
                throw HistoryError(path: path, reason: "zlib does not start")
            }
            inflater = stream
            isInMember = true
        }
    }

    deinit {
        if let inflater {
            inflateEnd(inflater)
            inflater.deallocate()
        }
        if descriptor > 0 { close(descriptor) }
    }

    /// Fills `buffer` with at least one byte, or returns 0 at the end.
    /// - Throws: `HistoryError` when reading fails or gzip data are damaged or end too early.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(HistoryError) -> Int {
        guard let inflater else {
            if inputStart == inputEnd { try refill() }
            let count = min(buffer.count, inputEnd - inputStart)
            input.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[inputStart..<(inputStart + count)]))
            }
            inputStart += count
            return count
        }
        while true {
            if inputStart == inputEnd { try refill() }
            if inputEnd == 0 {
                guard !isInMember else {
                    throw HistoryError(path: path, reason: "gzip data end too early: the file is truncated")
                }
                return 0
            }
            if !isInMember {
                inflateReset(inflater)
                isInMember = true
            }
            let (status, produced) = step(inflater, into: buffer)
            if status == Z_STREAM_END {
                isInMember = false
            } else if status != Z_OK && status != Z_BUF_ERROR {
                let detail = inflater.pointee.msg.map { String(cString: $0) } ?? "code \(status)"
                throw HistoryError(path: path, reason: "gzip data are damaged: \(detail)")
            }
            if produced > 0 { return produced }
        }
    }

    private func step(_ inflater: UnsafeMutablePointer<z_stream>, into buffer: UnsafeMutableRawBufferPointer) -> (
        Int32, Int
    ) {
        input.withUnsafeMutableBytes { bytes in
            inflater.pointee.next_in = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + inputStart
            inflater.pointee.avail_in = UInt32(inputEnd - inputStart)
            inflater.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
            inflater.pointee.avail_out = UInt32(buffer.count)
            let status = inflate(inflater, Z_NO_FLUSH)
            inputStart = inputEnd - Int(inflater.pointee.avail_in)
            return (status, buffer.count - Int(inflater.pointee.avail_out))
        }
    }

    /// Reads more input: over it if all of it is used, else behind it.
    private func refill() throws(HistoryError) {
        if inputStart == inputEnd {
            inputStart = 0
            inputEnd = 0
        }
        while true {
            let from = inputEnd
            let count = input.withUnsafeMutableBytes {
                Foundation.read(descriptor, $0.baseAddress! + from, $0.count - from)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw HistoryError(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            inputEnd += count
            isAtEnd = count == 0
            consumedBytes += Int64(count)
            return
        }
    }
}
