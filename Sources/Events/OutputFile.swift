import CZlib
import Foundation

/// A file that appears whole or not at all: written beside its name and renamed when it is closed. Gzip where the name
/// ends in `.gz`; `-` is standard output.
public final class OutputFile {
    public let path: String
    /// Where it is written until it is whole; `nil` for what cannot be renamed into place.
    private let draft: String?
    private var descriptor: Int32
    private var gzip: gzFile?
    private var buffer: [UInt8] = []
    private static let bufferLimit = 1 << 18

    /// - Throws: `HistoryError` when the file cannot be made.
    public init(path: String) throws(HistoryError) {
        self.path = path
        // A device or pipe is written where it is; only a regular file can be renamed into place.
        var status = stat()
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        draft = path == "-" || isSpecial ? nil : "\(path).\(getpid()).draft"
        descriptor =
            path == "-"
            ? dup(1)
            : open(
                draft ?? path, draft == nil ? O_WRONLY | O_TRUNC | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                0o644)
        guard descriptor >= 0 else {
            throw failure()
        }
        if let draft { Drafts.begin(draft) }
        if path.hasSuffix(".gz") { gzip = gzdopen(descriptor, "wb6") }
        buffer.reserveCapacity(Self.bufferLimit + 4096)
    }

    deinit {
        // Not closed, so not finished: nothing half-written stays.
        if descriptor < 0 { return }
        if let gzip { gzclose(gzip) } else { Foundation.close(descriptor) }
        if let draft {
            unlink(draft)
            Drafts.end(draft)
        }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferLimit { try flush() }
    }

    public func write(_ bytes: [UInt8]) throws(HistoryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferLimit { try flush() }
    }

    /// Writes bytes and ends the line.
    public func writeLine(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) {
        buffer.append(contentsOf: bytes)
        buffer.append(0x0A)
        if buffer.count >= Self.bufferLimit { try flush() }
    }

    private func flush() throws(HistoryError) {
        var written = 0
        while written < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                return gzip.map { Int(gzwrite($0, rest.baseAddress, UInt32(rest.count))) }
                    ?? Foundation.write(descriptor, rest.baseAddress, rest.count)
            }
            if count <= 0 {
                if count < 0, errno == EINTR { continue }
                throw failure()
            }
            written += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes over the first bytes of the file, once everything else is written: for a header that counts.
    /// - Precondition: a regular file that is not gzip.
    public func overwriteStart(_ bytes: [UInt8]) throws(HistoryError) {
        precondition(gzip == nil && draft != nil)
        try flush()
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else { throw failure() }
    }

    /// Flushes to disk and gives the file its name.
    public func close() throws(HistoryError) {
        try flush()
        var isWritten = true
        if let gzip { isWritten = gzflush(gzip, Z_FINISH) == Z_OK }
        isWritten = (draft == nil || fsync(descriptor) == 0) && isWritten
        isWritten = (gzip.map { gzclose($0) == Z_OK } ?? (Foundation.close(descriptor) == 0)) && isWritten
        gzip = nil
        descriptor = -1
        guard let draft else {
            if isWritten { return }
            throw failure()
        }
        guard isWritten, rename(draft, path) == 0 else {
            let error = failure()
            unlink(draft)
            Drafts.end(draft)
            throw error
        }
        Drafts.end(draft)
        Drafts.syncFolder(of: path)
    }

    /// Whether the file has no name until it is whole, so that its start can still be overwritten.
    public var isDraft: Bool { draft != nil }

    private func failure() -> HistoryError {
        HistoryError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
    }
}
