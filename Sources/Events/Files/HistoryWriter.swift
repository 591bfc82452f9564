import Foundation

/// Writes events as a history file that `HistoryReader` reads back: CSV or NDJSON; gzip where the name ends in `.gz`.
package final class HistoryWriter {
    private let output: OutputFile
    private let format: HistoryReader.Format
    private let encoder = EventEncoder()
    private var row: [UInt8] = []

    /// - Parameter path: a file, or `-` for standard output.
    /// - Throws: `HistoryError` when the file cannot be created.
    package init(path: String, format: HistoryReader.Format) throws(HistoryError) {
        output = try OutputFile(path: path)
        self.format = format
        if format == .csv {
            row = Array(EventField.allCases.filter(\.isStandard).map(\.name).joined(separator: ",").utf8) + [0x0A]
            try output.write(row)
        }
    }

    /// Writes one event.
    /// - Throws: `HistoryError` when it cannot be written.
    package func write(_ fields: EventFields) throws(HistoryError) {
        row.removeAll(keepingCapacity: true)
        switch format {
        case .ndjson: encoder.append(fields, to: &row)
        case .csv:
            for field in EventField.allCases where field.isStandard {
                if field.rawValue > 0 { row.append(UInt8(ascii: ",")) }
                CSVText.append(cell: fields[field].bytes, to: &row)
            }
        }
        row.append(0x0A)
        try output.write(row)
    }

    /// Completes the file under its name. Without this call there is no file.
    /// - Throws: `HistoryError` when it cannot be written.
    package func close() throws(HistoryError) { try output.close() }
}
