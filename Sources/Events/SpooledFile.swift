import Foundation

/// What can be read once only, kept in a file of its own for as long as this object lives.
public final class SpooledFile {
    public let path: String
    private let file: OutputFile

    /// - Throws: `HistoryError` when no file can be made in the directory for temporary files.
    public init(suffix: String) throws(HistoryError) {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "future-cart-\(UUID().uuidString)\(suffix)"
            ).path
        file = try OutputFile(path: path)
        Drafts.begin(path)
    }

    deinit {
        unlink(path)
        Drafts.end(path)
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(HistoryError) { try file.write(bytes) }

    /// Writes one JSON message as a line. JSON allows line ends between its parts, where they are blanks.
    public func writeLine(message: UnsafeRawBufferPointer) throws(HistoryError) {
        if message.contains(0x0A) || message.contains(0x0D) {
            try file.write(message.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A])
        } else {
            try file.writeLine(message)
        }
    }

    /// Everything is written; the file can be read.
    public func finish() throws(HistoryError) { try file.close() }

    /// Standard input, as it comes.
    public static func standardInput() throws(HistoryError) -> SpooledFile {
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
