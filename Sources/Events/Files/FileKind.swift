/// What a file is that is no history, by its first bytes, and how to make one of it.
enum FileKind {
    /// - Parameter head: the first bytes, unpacked and in UTF-8 where the file is text.
    /// - Returns: the reason why the file is refused; `nil` for what may be a history.
    static func refusal(_ head: UnsafeRawBufferPointer, path: String) -> String? {
        let file = path == "-" ? "FILE" : path
        func begins(_ text: StaticString) -> Bool {
            head.starts(with: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        if begins("PK\u{3}\u{4}") {
            return path.lowercased().hasSuffix(".xlsx") || path.lowercased().hasSuffix(".xlsm")
                ? "is an Excel workbook: export its sheet as CSV, as with: libreoffice --headless --convert-to csv '\(file)'"
                : "is a ZIP archive: unpack it first, as with: unzip -p '\(file)' | gzip > history.csv.gz"
        }
        if begins("PAR1") {
            return "is Parquet: convert it first, as with: python3 -c \"import pandas; "
                + "pandas.read_parquet('\(file)').to_csv('history.csv.gz', index=False)\""
        }
        if begins("BZh") { return "is bzip2: convert it first, as with: bzip2 -dc '\(file)' | gzip > history.csv.gz" }
        if head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A]) {
            return "is xz: convert it first, as with: xz -dc '\(file)' | gzip > history.csv.gz"
        }
        if head.starts(with: [0xD0, 0xCF, 0x11, 0xE0]) {
            return "is an old Excel workbook: export its sheet as CSV, as with: "
                + "libreoffice --headless --convert-to csv '\(file)'"
        }
        if begins("version https://git-lfs") {
            return "is a pointer of Git LFS, not the file itself: fetch it with: git lfs pull"
        }
        if begins("Obj\u{1}") {
            return
                "is an Avro container file: convert it to NDJSON first, as with: avrocat '\(file)' | gzip > history.ndjson.gz"
        }
        let start = String(decoding: head.prefix(64), as: UTF8.self).lowercased().drop { $0.isWhitespace }
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") {
            return
                "is a web page: the download has been answered with a page, of an error or a login, in place of the file"
        }
        if start.hasPrefix("<?xml") { return "is XML: export the history as CSV or NDJSON" }
        if head.contains(0x0D), !head.contains(0x0A) {
            return "has the line ends of old Macs: convert it first, as with: tr '\\r' '\\n' < '\(file)' > history.csv"
        }
        if head.count > 5, head[0] == 0, head[5] == UInt8(ascii: "{") {
            return
                "begins with a zero byte and a number, as Schema Registry's serializers frame messages: write the values "
                + "alone, one a line"
        }
        if head.count > 3, (head[0] == 0) != (head[1] == 0) {
            return "looks like UTF-16 without its mark: convert it first, as with: iconv -f utf-16le -t utf-8"
        }
        if head.contains(0) { return "is binary: expected CSV with a header line, or NDJSON, plain, gzip or Zstandard" }
        return nil
    }
}
