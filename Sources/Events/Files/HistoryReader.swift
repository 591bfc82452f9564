/// Events of a history file, one after the other: CSV or JSON, each plain, gzip or Zstandard, recognised by content.
///
/// CSV after RFC 4180 with a header line: the columns may carry the shop's own names, the canonical names or the UCI
/// Online Retail names, in any order; other columns are ignored. Cells are separated by commas, semicolons, tabs or bars,
/// whichever the header has most of. A row is one event. JSON holds messages as on the topic: one a line (NDJSON), an array
/// of them, or objects over several lines.
/// Streaming: memory is bounded by the longest record, whatever the file's size.
package final class HistoryReader: EventSource {
    /// The format of a history file.
    package enum Format: Sendable { case csv, ndjson }

    /// The file; `-` is standard input.
    package let path: String
    /// How the file's rows or messages are understood.
    package let eventFormat: EventFormat
    /// The file's format, found by its content.
    package let format: Format
    private let source: ByteSource
    private var buffer: RecordBuffer
    private let decoder: EventDecoder
    private let encoder: EventEncoder
    /// For each column, the fields that it holds.
    private var columns: [[EventField]] = []
    /// Events of the record read last that have not been handed out, the next one last.
    private var pending: [CustomerEvent] = []
    private var message: [UInt8] = []
    private let separator: UInt8
    /// Whether it holds messages as they stand on a topic, copied by `SpooledFile`.
    private let isSpool: Bool
    /// Whether JSON objects do not stand one a line.
    private let isLoose: Bool
    /// Whether `nextMessage` gives all columns of a row, under their own names.
    private let givesAllColumns: Bool
    /// The names in a CSV file's header.
    private var names: [String] = []

    /// Opens a file and reads its header, if it has one.
    /// - Parameters:
    ///   - path: a file, or `-` for standard input.
    ///   - format: how its rows or messages are understood.
    ///   - givesAllColumns: whether `nextMessage` gives all columns of a row as texts under their own names, and the header may
    ///     lack any.
    /// - Throws: `HistoryError` when it cannot be opened, is empty, or its header lacks a needed column.
    package init(
        path: String, format eventFormat: EventFormat = EventFormat(), givesAllColumns: Bool = false
    ) throws(HistoryError) {
        self.path = path
        self.givesAllColumns = givesAllColumns
        self.eventFormat = eventFormat
        source = try ByteSource(path: path, encoding: eventFormat.encoding)
        buffer = RecordBuffer(source: source)
        encoder = EventEncoder(format: eventFormat)
        let head = try buffer.peek()
        if head.starts(with: SpooledFile.messagesMark) {
            (format, isSpool, isLoose, separator) = (.ndjson, true, false, buffer.separator)
            decoder = EventDecoder(format: eventFormat)
            buffer.drop(SpooledFile.messagesMark.count)
            return
        }
        isSpool = false
        decoder = EventDecoder(format: eventFormat.asJSON)
        if let refusal = FileKind.refusal(head, path: path) { throw HistoryError(path: path, reason: refusal) }
        let isMarked = head.starts(with: [0xEF, 0xBB, 0xBF])
        let content = isMarked ? head.dropFirst(3) : head[...]
        guard let first = content.first(where: { $0 > 0x20 }) else {
            throw HistoryError(
                path: path, reason: "is empty, or begins with blanks alone: expected CSV with a header line, or NDJSON")
        }
        format = first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .ndjson : .csv
        isLoose = format == .ndjson && !Self.isObjectALine(content)
        separator = Self.separator(ofHeader: content)
        buffer.separator = separator
        if isMarked { buffer.drop(3) }
        if format == .csv { try readHeader() }
    }

    /// Whether the first line, as far as it is known, begins an object that does not go on in the next one.
    private static func isObjectALine(_ head: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard
            let line = head.split(separator: 0x0A, omittingEmptySubsequences: true).first(where: {
                $0.contains { $0 > 0x20 }
            })
        else { return true }
        let isWhole = line.endIndex < head.endIndex
        return line.first { $0 > 0x20 } == UInt8(ascii: "{")
            && (!isWhole || line.last { $0 > 0x20 } == UInt8(ascii: "}"))
    }

    private static func separator(ofHeader head: Slice<UnsafeRawBufferPointer>) -> UInt8 {
        let header = head.prefix { $0 != 0x0A }
        let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), 0x09, UInt8(ascii: "|")]
        let counts = candidates.map { candidate in header.count { $0 == candidate } }
        // The first of those that are equally frequent.
        return counts.max().flatMap { counts.firstIndex(of: $0) }.map { candidates[$0] } ?? candidates[0]
    }

    /// The next row or message; `nil` at the end.
    private func nextRecord() throws(HistoryError) -> UnsafeMutableRawBufferPointer? {
        canGoOn = false
        let record =
            isSpool
            ? try buffer.nextCounted()
            : isLoose ? try buffer.nextObject() : try buffer.next(quotes: format == .csv)
        canGoOn = true
        if record?.isEmpty == false { records += 1 }
        return record
    }

    /// Whether there is more behind the error that was thrown last: it was one of a row or message and not of the file.
    package private(set) var canGoOn = true
    /// Rows or messages that have been read, those with errors included.
    package private(set) var records = 0

    /// 1-based line of the event read last.
    package var line: Int { buffer.line }
    /// How much of the file has been read from disk; `nil` for a pipe.
    package var share: Double? { source.totalBytes.map { Double(source.consumedBytes) / Double(max($0, 1)) } }

    /// The next event, `nil` at the end. It borrows: use it before the next call.
    /// - Throws: `HistoryError` naming file, line, field and reason.
    package func next() throws(HistoryError) -> CustomerEvent? {
        while true {
            if let event = pending.popLast() { return event }
            guard let record = try nextRecord() else { return nil }
            if record.isEmpty { continue }
            do throws(EventError) {
                switch format {
                case .csv:
                    if let event = try decoder.event(try fields(ofRow: record), timestamp: source.writtenAt) {
                        return event
                    }
                case .ndjson:
                    try decoder.decode(UnsafeRawBufferPointer(record), timestamp: source.writtenAt) {
                        pending.append($0)
                    }
                    if pending.count > 1 { pending.reverse() }
                }
            } catch {
                pending.removeAll()
                throw HistoryError(path: path, line: line, reason: error.description)
            }
        }
    }

    /// Whether no further event of a customer comes from the message of the event read last.
    package var isLastOfMessage: Bool { !pending.contains { !$0.isAnonymous } }

    /// The next message as it stands on a topic, `nil` at the end: a line of NDJSON as it is, a row of CSV as flat JSON under the
    /// shop's names, or with all its columns. It is valid until the next call.
    /// - Throws: `HistoryError` for a row with another number of cells than the header, and damaged gzip.
    package func nextMessage() throws(HistoryError) -> UnsafeRawBufferPointer? {
        while let record = try nextRecord() {
            if record.isEmpty { continue }
            guard format == .csv else { return UnsafeRawBufferPointer(record) }
            message.removeAll(keepingCapacity: true)
            do throws(EventError) {
                if givesAllColumns {
                    try appendAllColumns(ofRow: record)
                } else {
                    encoder.append(try fields(ofRow: record), to: &message)
                }
            } catch {
                throw HistoryError(path: path, line: line, reason: error.description)
            }
            return message.withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: $0.count) }
        }
        return nil
    }

    private func readHeader() throws(HistoryError) {
        guard let header = try buffer.next(quotes: true) else { return }
        var cells: [String] = []
        do throws(EventError) {
            try split(header) { cells.append(printable($0)) }
        } catch {
            throw HistoryError(path: path, line: line, reason: error.description)
        }
        self.names = cells
        func normal(_ name: String) -> String { name.lowercased().filter { $0 != " " } }
        let names = eventFormat.fields
        // By its plain name, or as the path of a message's member.
        func isNamed(_ field: EventField, _ cell: String) -> Bool {
            names[field] == cell || FieldPath(names[field])?.name.map { $0.elementsEqual(cell.utf8) } == true
        }
        columns = cells.map { cell in
            let named = EventField.allCases.filter { isNamed($0, cell) }
            guard named.isEmpty else { return named }
            return EventField.allCases.filter { field in
                field.isStandard && !cells.contains { isNamed(field, $0) }
                    && ([field.name] + field.uciNames).contains { normal($0) == normal(cell) }
            }
        }
        for field in EventField.allCases {
            let count = columns.count { $0.contains(field) }
            if count == 0, eventFormat.needs(field), !givesAllColumns {
                let found = cells.prefix(20).joined(separator: ", ")
                let expected = [names[field]] + field.uciNames.prefix(1)
                throw HistoryError(
                    path: path, line: 1,
                    reason: "no column for \(field.name) (expected "
                        + expected.map { "\"\($0)\"" }.joined(separator: " or ")
                        + "; found: \(found)); set the shop's name for it under fields: in the configuration")
            }
            if count > 1, !givesAllColumns {
                throw HistoryError(path: path, line: 1, reason: "\(count) columns for \(field.name)")
            }
        }
    }

    private func fields(ofRow record: UnsafeMutableRawBufferPointer) throws(EventError) -> EventFields {
        guard isValidUTF8(UnsafeRawBufferPointer(record)) else { throw notUTF8 }
        var fields = EventFields()
        var column = 0
        let columns = columns
        try split(record) { cell in
            if column < columns.count {
                for field in columns[column] { fields[field] = EventFields.Value(.text, cell) }
            }
            column += 1
        }
        guard column == columns.count else { throw widthError(column) }
        return fields
    }

    private func appendAllColumns(ofRow record: UnsafeMutableRawBufferPointer) throws(EventError) {
        guard isValidUTF8(UnsafeRawBufferPointer(record)) else { throw notUTF8 }
        var writer = JSONWriter()
        var column = 0
        let names = names
        try split(record) { cell in
            // Of two columns of one name the first one counts.
            if column < names.count, !names[column].isEmpty, names.firstIndex(of: names[column]) == column {
                writer.key(names[column])
                writer.string(cell)
            }
            column += 1
        }
        guard column == names.count else { throw widthError(column) }
        message = [UInt8(ascii: "{")] + writer.bytes + [UInt8(ascii: "}")]
    }

    private var notUTF8: EventError {
        malformed("not UTF-8: set events.encoding to windows-1252 if the file comes from a Western Windows")
    }

    private func widthError(_ cells: Int) -> EventError {
        EventError(
            field: nil, reason: "row has \(cells) fields where the header has \(names.count)\(hint(cells))")
    }

    private func hint(_ cells: Int) -> String {
        cells == columns.count + 1 ? ": does the header lack a name for the index column?" : ""
    }

    /// Cuts a row at its separators and resolves quotes in place.
    @inline(__always)
    private func split(_ record: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void)
        throws(EventError)
    {
        let (count, separator) = (record.count, separator)
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
                guard at == count || record[at] == separator else {
                    throw malformed("text after a closing quote")
                }
            } else {
                let from = at
                while at < count, record[at] != separator {
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

    private func malformed(_ what: String) -> EventError { EventError(field: nil, reason: "CSV: \(what)") }
}
