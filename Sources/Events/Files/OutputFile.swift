import CZlib
import Foundation

/// A file that appears under its name as a whole or not at all: it is written under a temporary name in the same folder and
/// renamed when it is closed. Gzip where the name ends in `.gz`; `-` is standard output.
package final class OutputFile {
    /// The file's name.
    package let path: String
    /// The temporary name; `nil` for standard output, devices and pipes, which cannot be renamed.
    private let temporaryPath: String?
    private var descriptor: Int32
    private var gzip: gzFile?
    private var buffer: [UInt8] = []
    private static let bufferLimit = 1 << 18

    /// Creates the file under its temporary name.
    /// - Throws: `HistoryError` when it cannot be created.
    package init(path: String) throws(HistoryError) {
        self.path = path
        // Only a regular file can be renamed; a device or pipe is opened by its own name.
        var status = stat()
        let isSpecial = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        temporaryPath = path == "-" || isSpecial ? nil : "\(path).\(getpid()).draft"
        descriptor =
            path == "-"
            ? dup(1)
            : open(
                temporaryPath ?? path,
                temporaryPath == nil ? O_WRONLY | O_TRUNC | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                0o644)
        guard descriptor >= 0 else {
            throw failure()
        }
        if let temporaryPath { TemporaryFiles.begin(temporaryPath) }
        if path.hasSuffix(".gz") { gzip = gzdopen(descriptor, "wb6") }
        buffer.reserveCapacity(Self.bufferLimit + 4096)
    }

    deinit {
        // Not closed, so not complete: the temporary file is removed.
        if descriptor < 0 { return }
        if let gzip { gzclose(gzip) } else { Foundation.close(descriptor) }
        if let temporaryPath {
            unlink(temporaryPath)
            TemporaryFiles.end(temporaryPath)
        }
    }

    /// Writes bytes; they are buffered.
    /// - Throws: `HistoryError` when they cannot be written, as do the functions below.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferLimit { try flush() }
    }

    /// Writes bytes; they are buffered.
    package func write(_ bytes: [UInt8]) throws(HistoryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferLimit { try flush() }
    }

    /// Writes bytes and ends the line.
    package func writeLine(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) {
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

    /// Overwrites the first bytes of the file after everything else is written, as for a header that holds a count.
    /// - Precondition: a regular file that is not gzip.
    package func overwriteStart(_ bytes: [UInt8]) throws(HistoryError) {
        precondition(gzip == nil && temporaryPath != nil)
        try flush()
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else { throw failure() }
    }

    /// Syncs the file to disk and renames it to its name.
    package func close() throws(HistoryError) {
        try flush()
        var isWritten = true
        if let gzip { isWritten = gzflush(gzip, Z_FINISH) == Z_OK }
        isWritten = (temporaryPath == nil || fsync(descriptor) == 0) && isWritten
        isWritten = (gzip.map { gzclose($0) == Z_OK } ?? (Foundation.close(descriptor) == 0)) && isWritten
        gzip = nil
        descriptor = -1
        guard let temporaryPath else {
            if isWritten { return }
            throw failure()
        }
        guard isWritten, rename(temporaryPath, path) == 0 else {
            let error = failure()
            unlink(temporaryPath)
            TemporaryFiles.end(temporaryPath)
            throw error
        }
        TemporaryFiles.end(temporaryPath)
        TemporaryFiles.syncFolder(of: path)
    }

    /// Whether the file has a temporary name until it is closed, so that its start can still be overwritten.
    package var isTemporary: Bool { temporaryPath != nil }

    private func failure() -> HistoryError {
        HistoryError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
    }
}
