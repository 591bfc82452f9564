import Events
import Features

/// Feature rows as a NumPy array file, format 1.0: magic, header length, a Python dictionary in ASCII, then the rows as
/// little-endian 32-bit floats. The header has a fixed length, so that the number of rows can be filled in at the end.
final class FeatureFile {
    private static let headerBytes = 128
    private let file: OutputFile
    private var rows = 0

    init(path: String) throws(HistoryError) {
        guard path != "-", !path.hasSuffix(".gz") else {
            throw HistoryError(
                path: path, reason: "features need a plain file: the number of rows is written at its start")
        }
        file = try OutputFile(path: path)
        guard file.isTemporary else {
            throw HistoryError(
                path: path, reason: "features need a plain file: the number of rows is written at its start")
        }
        try file.write(Self.header(rows: 0))
    }

    func append(_ row: UnsafeRawBufferPointer) throws(HistoryError) {
        try file.write(row)
        rows += 1
    }

    func close() throws(HistoryError) {
        try file.overwriteStart(Self.header(rows: rows))
        try file.close()
    }

    private static func header(rows: Int) -> [UInt8] {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(FeatureSchema.count)), }"
        let length = headerBytes - 10
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)]
        bytes += Array(text.utf8)
        bytes += [UInt8](repeating: 0x20, count: headerBytes - bytes.count - 1) + [0x0A]
        return bytes
    }
}
