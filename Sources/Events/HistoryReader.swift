/// Events of a history file, one after the other: CSV or NDJSON, each plain or gzip, recognised by content.
///
/// CSV after RFC 4180 with a header line: the columns may carry the shop's own names, the canonical names or the UCI
/// Online Retail names, in any order; other columns are ignored. NDJSON holds one message a line, as on the topic.
/// Streaming: memory is bounded by the longest record, whatever the file's size.
package final class HistoryReader: EventSource {
    /// The format of a history file.
    package enum Format: Sendable { case csv, ndjson }

    /// The file; `-` is standard input.
    package let path: String
    /// The names that the fields may have in the file, besides the canonical ones.
    package let names: FieldNames
    /// The file's format, found by its content.
    package let format: Format
    private let source: ByteSource
    private var buffer: RecordBuffer
    private let decoder: EventDecoder
    /// For each column, the field that it holds.
    private var columns: [EventField?] = []

    /// Opens a file and reads its header, if it has one.
    /// - Parameters:
    ///   - path: a file, or `-` for standard input.
    ///   - names: the shop's names for the fields.
    /// - Throws: `HistoryError` when it cannot be opened, is empty, or its header lacks a needed column.
    package init(path: String, names: FieldNames = FieldNames()) throws(HistoryError) {
        self.path = path
        self.names = names
        source = try ByteSource(path: path)
        buffer = RecordBuffer(source: source)
        decoder = EventDecoder(names: names)
        let head = try buffer.peek()
        let isMarked = head.starts(with: [0xEF, 0xBB, 0xBF])
        let content = isMarked ? head.dropFirst(3) : head[...]
        guard let first = content.first(where: { $0 > 0x20 }) else {
            throw HistoryError(
                path: path, reason: "is empty, or begins with blanks alone: expected CSV with a header line, or NDJSON")
        }
        format = first == UInt8(ascii: "{") ? .ndjson : .csv
        if isMarked { buffer.drop(3) }
        if format == .csv { try readHeader() }
    }

    deinit { buffer.deallocate() }

    /// 1-based line of the event read last.
    package var line: Int { buffer.line }
    /// How much of the file has been read from disk; `nil` for a pipe.
    package var share: Double? { source.totalBytes.map { Double(source.consumedBytes) / Double(max($0, 1)) } }

    /// The next event's fields, `nil` at the end. They stay valid until the next call.
    /// - Throws: `HistoryError` for a record that is no record: wrong number of columns, not JSON, damaged gzip.
    package func nextFields() throws(HistoryError) -> EventFields? {
        while let record = try buffer.next(quotes: format == .csv) {
            if record.isEmpty { continue }
            switch format {
            case .csv: return try fields(ofRow: record)
            case .ndjson:
                do {
                    return try decoder.fields(of: UnsafeRawBufferPointer(record))
                } catch {
                    throw HistoryError(path: path, line: line, reason: error.description)
                }
            }
        }
        return nil
    }

    /// The next event, `nil` at the end. It borrows: use it before the next call.
    /// - Throws: `HistoryError` naming file, line, field and reason.
    package func next() throws(HistoryError) -> CustomerEvent? {
        guard let fields = try nextFields() else { return nil }
        do {
            return try CustomerEvent(fields, names: names)
        } catch {
            throw HistoryError(path: path, line: line, reason: error.description)
        }
    }

    private func readHeader() throws(HistoryError) {
        guard let header = try buffer.next(quotes: true) else { return }
        var cells: [String] = []
        try split(header) { cells.append(printable($0)) }
        func normal(_ name: String) -> String { name.lowercased().filter { $0 != " " } }
        columns = cells.map { cell in
            EventField.allCases.first { names[$0] == cell }
                ?? EventField.allCases.first { field in
                    ([field.name] + field.uciNames).contains { normal($0) == normal(cell) }
                }
        }
        for field in EventField.allCases {
            let count = columns.count { $0 == field }
            if count == 0, field.isNeeded {
                let found = cells.prefix(20).joined(separator: ", ")
                throw HistoryError(
                    path: path, line: 1,
                    reason: "no column for \(field.name) (expected \"\(names[field])\" or \"\(field.uciNames[0])\"; "
                        + "found: \(found)); set the shop's name for it under fields: in the configuration")
            }
            if count > 1 {
                throw HistoryError(path: path, line: 1, reason: "\(count) columns for \(field.name)")
            }
        }
    }

    private func fields(ofRow record: UnsafeMutableRawBufferPointer) throws(HistoryError) -> EventFields {
        guard isValidUTF8(UnsafeRawBufferPointer(record)) else {
            throw malformed("not UTF-8; convert the file first, as with: iconv -f latin1 -t utf-8")
        }
        var fields = EventFields()
        var column = 0
        let columns = columns
        try split(record) { cell in
            if column < columns.count, let field = columns[column] {
                fields[field] = EventFields.Value(.text, EventFields.normalised(field, cell))
            }
            column += 1
        }
        guard column == columns.count else {
            throw HistoryError(
                path: path, line: line, reason: "row has \(column) fields where the header has \(columns.count)")
        }
        return fields
    }

    /// Cuts a row at its commas and resolves quotes in place.
    @inline(__always)
    private func split(_ record: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void)
        throws(HistoryError)
    {
        let count = record.count
        var at = 0
        while true {
            if at < count, record[at] == UInt8(ascii: "\"") {
                at += 1
                let from = at
                var to = at
                while true {
                    guard at < count else { throw malformed("quote without an end") }
                    if record[at] == UInt8(ascii: "\"") {
                        guard at + 1 < count, record[at + 1] == UInt8(ascii: "\"") else { break }
                        at += 1
                    }
                    record[to] = record[at]
                    to += 1
                    at += 1
                }
                at += 1
                body(UnsafeRawBufferPointer(rebasing: record[from..<to]))
                guard at == count || record[at] == UInt8(ascii: ",") else {
                    throw malformed("text after a closing quote")
                }
            } else {
                let from = at
                while at < count, record[at] != UInt8(ascii: ",") {
                    if record[at] == UInt8(ascii: "\"") { throw malformed("quote inside an unquoted field") }
                    at += 1
                }
                body(UnsafeRawBufferPointer(rebasing: record[from..<at]))
            }
            if at >= count { return }
            at += 1
            if at == count {
                body(UnsafeRawBufferPointer(start: nil, count: 0))
                return
            }
        }
    }

    private func malformed(_ what: String) -> HistoryError {
        HistoryError(path: path, line: line, reason: "CSV: \(what)")
    }
}
