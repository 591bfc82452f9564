import Foundation

/// A copy of a stream that can be read only once, in a temporary file that is removed with this object.
package final class SpooledFile {
    /// The temporary file.
    package let path: String
    private let file: OutputFile

    /// Creates the file in the system's directory for temporary files.
    /// - Throws: `HistoryError` when it cannot be created.
    package init(suffix: String) throws(HistoryError) {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "future-cart-\(UUID().uuidString)\(suffix)"
            ).path
        file = try OutputFile(path: path)
        TemporaryFiles.begin(path)
    }

    deinit {
        unlink(path)
        TemporaryFiles.end(path)
    }

    /// Writes bytes.
    /// - Throws: `HistoryError` when they cannot be written, as do the functions below.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) { try file.write(bytes) }

    /// What a file of messages begins with.
    static let messagesMark: [UInt8] = [0, 0x46, 0x43, 0x4D, 0x53, 0x47, 0, 1]

    /// A file of messages as they stand on a topic, each behind its length in four bytes, the lowest first.
    package static func ofMessages() throws(HistoryError) -> SpooledFile {
        let spool = try SpooledFile(suffix: ".messages")
        try spool.file.write(messagesMark)
        return spool
    }

    /// Writes a message.
    package func write(message: UnsafeRawBufferPointer) throws(HistoryError) {
        let count = UInt32(message.count)
        try file.write((0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) })
        try file.write(message)
    }

    /// Ends writing; the file can be read now.
    package func finish() throws(HistoryError) { try file.close() }

    /// Reads standard input to its end into a file.
    package static func standardInput() throws(HistoryError) -> SpooledFile {
        let spool = try SpooledFile(suffix: ".input")
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw HistoryError(path: "-", reason: "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            do {
                try buffer.withUnsafeBytes { try spool.write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            } catch let error as HistoryError { throw error } catch { preconditionFailure("\(error)") }
        }
        try spool.finish()
        return spool
    }
}

/// A history that can be read more than once, as long as this is alive.
package struct OpenedHistory {
    /// The history.
    package let history: History
    /// Messages that are no events, and were left out.
    package let skipped: Int
    private let files: [SpooledFile]

    /// - Parameter files: temporary files that the history lies in, removed with the last reference.
    package init(history: History, skipped: Int, files: [SpooledFile]) {
        self.history = history
        self.skipped = skipped
        self.files = files
    }
}
