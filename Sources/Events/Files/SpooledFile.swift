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

    /// Writes one JSON message as a line. Line ends between its tokens become spaces.
    package func writeLine(message: UnsafeRawBufferPointer) throws(HistoryError) {
        if message.contains(0x0A) || message.contains(0x0D) {
            try file.write(message.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A])
        } else {
            try file.writeLine(message)
        }
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
