/// Cuts a byte source into records without copying them, in memory bounded by the longest record.
struct RecordBuffer {
    let source: ByteSource
    /// What separates the cells of a row.
    var separator = UInt8(ascii: ",")
    /// Longest record, in bytes.
    static let recordLimit = 1 << 20

    /// Memory that is freed with its last reference: also where the initialiser of who holds it throws.
    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer

        init(byteCount: Int) { bytes = .allocate(byteCount: byteCount, alignment: 16) }

        deinit { bytes.deallocate() }
    }

    private let memory = Memory(byteCount: recordLimit * 2)
    private let storage: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    /// 1-based line of the record handed out last.
    private(set) var line = 0
    private var nextLine = 1

    init(source: ByteSource) {
        self.source = source
        storage = memory.bytes
    }

    /// The next bytes, which stay unread, for recognising the format.
    mutating func peek() throws(HistoryError) -> UnsafeRawBufferPointer {
        while end - start < 512, try fill() {}
        return UnsafeRawBufferPointer(rebasing: storage[start..<end])
    }

    mutating func drop(_ count: Int) { start += count }

    /// The next record without its line end, writable so that quotes can be resolved in place; `nil` at the end.
    /// Valid until the next call.
    /// - Parameter quotes: a line end inside double quotes is content (CSV), not an end.
    mutating func next(quotes: Bool) throws(HistoryError) -> UnsafeMutableRawBufferPointer? {
        var scanned = 0
        var isQuoted = false
        var lines = 0
        line = nextLine
        while true {
            while start + scanned < end {
                // Skips eight bytes at a time that are neither line ends nor quotes.
                if start &+ scanned &+ 8 <= end {
                    let word = UnsafeRawBufferPointer(storage).word(start &+ scanned)
                    let found =
                        WordScan.equal(word, to: 0x0A) | (quotes ? WordScan.equal(word, to: UInt8(ascii: "\"")) : 0)
                    scanned &+= found == 0 ? 8 : WordScan.first(found)
                    if found == 0 { continue }
                }
                let byte = storage[start + scanned]
                if quotes, byte == UInt8(ascii: "\"") {
                    // A quote opens a field at its start, closes it, and right behind a closing one is content.
                    let before = scanned == 0 ? separator : storage[start + scanned - 1]
                    isQuoted = !isQuoted && (before == separator || before == UInt8(ascii: "\""))
                } else if byte == 0x0A {
                    lines += 1
                    if !isQuoted {
                        let record = storage[start..<(start + scanned)]
                        start += scanned + 1
                        nextLine += lines
                        return withoutCarriageReturn(record)
                    }
                }
                scanned += 1
            }
            guard scanned <= Self.recordLimit else {
                throw HistoryError(
                    path: source.path, line: line,
                    reason: "record longer than \(Self.recordLimit) bytes"
                        + (isQuoted ? ": is a quote not closed?" : ""))
            }
            if try !fill() {
                guard !isQuoted else {
                    throw HistoryError(path: source.path, line: line, reason: "the file ends inside a quoted field")
                }
                if scanned == 0 { return nil }
                let record = storage[start..<end]
                start = end
                return withoutCarriageReturn(record)
            }
        }
    }

    /// The next object of a JSON array, or of objects that follow one another, whatever stands between them; `nil` at the end.
    /// Valid until the next call.
    mutating func nextObject() throws(HistoryError) -> UnsafeMutableRawBufferPointer? {
        // What may stand between objects.
        while true {
            if start == end, try !fill() { return nil }
            let byte = storage[start]
            if byte == UInt8(ascii: "{") { break }
            guard byte <= 0x20 || [UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]")].contains(byte) else {
                throw HistoryError(path: source.path, line: nextLine, reason: "not JSON: expected an object")
            }
            if byte == 0x0A { nextLine += 1 }
            start += 1
        }
        line = nextLine
        var (scanned, depth, isString, isEscaped) = (0, 0, false, false)
        while true {
            if start + scanned == end, try !fill() {
                throw HistoryError(path: source.path, line: line, reason: "the file ends inside an object")
            }
            let byte = storage[start + scanned]
            scanned += 1
            if byte == 0x0A { nextLine += 1 }
            if isString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                isString = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
                if depth == 0 { break }
            }
            guard scanned <= Self.recordLimit else {
                throw HistoryError(
                    path: source.path, line: line, reason: "record longer than \(Self.recordLimit) bytes")
            }
        }
        let record = storage[start..<(start + scanned)]
        start += scanned
        return UnsafeMutableRawBufferPointer(rebasing: record)
    }

    /// The next record behind its length; `nil` at the end. Valid until the next call.
    mutating func nextCounted() throws(HistoryError) -> UnsafeMutableRawBufferPointer? {
        line = nextLine
        nextLine += 1
        while end - start < 4 {
            if try !fill() {
                guard start == end else { throw endsInRecord }
                return nil
            }
        }
        let count = Int(UnsafeRawBufferPointer(storage).halfWord(start))
        guard count <= Self.recordLimit else {
            throw HistoryError(
                path: source.path, line: line, reason: "record of \(count) bytes, longer than \(Self.recordLimit)")
        }
        start += 4
        while end - start < count { if try !fill() { throw endsInRecord } }
        defer { start += count }
        return UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + count)])
    }

    private var endsInRecord: HistoryError {
        HistoryError(path: source.path, line: line, reason: "the file ends inside a record")
    }

    private func withoutCarriageReturn(_ record: Slice<UnsafeMutableRawBufferPointer>) -> UnsafeMutableRawBufferPointer
    {
        UnsafeMutableRawBufferPointer(rebasing: record.last == 0x0D ? record.dropLast() : record)
    }

    /// Reads more bytes behind the unread ones, which are first moved to the front if room is short.
    private mutating func fill() throws(HistoryError) -> Bool {
        if isAtEnd { return false }
        if storage.count - end < 1 << 16 {
            let kept = end - start
            storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[start..<end]))
            start = 0
            end = kept
        }
        let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: storage[end...]))
        end += count
        if count == 0 { isAtEnd = true }
        return count > 0
    }
}
