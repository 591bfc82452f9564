import Foundation

/// Writes events as a history file that `HistoryReader` reads back: CSV or NDJSON; gzip where the name ends in `.gz`.
public final class HistoryWriter {
    private let output: OutputFile
    private let format: HistoryReader.Format
    private let encoder = EventEncoder()
    private var row: [UInt8] = []

    /// - Parameter path: a file, or `-` for standard output.
    public init(path: String, format: HistoryReader.Format) throws(HistoryError) {
        output = try OutputFile(path: path)
        self.format = format
        if format == .csv {
            row = Array(EventField.allCases.map(\.name).joined(separator: ",").utf8) + [0x0A]
            try output.write(row)
        }
    }

    public func write(_ fields: EventFields) throws(HistoryError) {
        row.removeAll(keepingCapacity: true)
        switch format {
        case .ndjson: encoder.append(fields, to: &row)
        case .csv:
            for field in EventField.allCases {
                if field.rawValue > 0 { row.append(UInt8(ascii: ",")) }
                CSVText.append(cell: fields[field].bytes, to: &row)
            }
        }
        row.append(0x0A)
        try output.write(row)
    }

    /// Finishes the file and gives it its name; without this it is not there.
    public func close() throws(HistoryError) { try output.close() }
}
