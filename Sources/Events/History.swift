import Foundation

/// A history that lies in one file or in several.
///
/// Files of one stream are read one after the other. Streams stand side by side, as partitions of a topic do: all events
/// of a customer are in one of them.
public struct History: Sendable {
    public let streams: [[String]]
    public let names: FieldNames

    public init(streams: [[String]], names: FieldNames = FieldNames()) {
        precondition(streams.contains { !$0.isEmpty })
        self.streams = streams.filter { !$0.isEmpty }
        self.names = names
    }

    public init(path: String, names: FieldNames = FieldNames()) { self.init(streams: [[path]], names: names) }

    /// All files, in the order in which they are read.
    public var paths: [String] { streams.flatMap { $0 } }

    /// One stream of paths and glob patterns, in the order given; what one pattern matches, in the order of the names.
    /// - Throws: `HistoryError` for a pattern that matches nothing and a file that is not there or comes twice.
    public init(patterns: [String], names: FieldNames = FieldNames()) throws(HistoryError) {
        var paths: [String] = []
        for pattern in patterns {
            let isPattern = pattern.contains { "*?[".contains($0) }
            let matches = isPattern && !FileManager.default.fileExists(atPath: pattern) ? Self.glob(pattern) : [pattern]
            guard !matches.isEmpty else { throw HistoryError(path: pattern, reason: "matches no file") }
            for path in matches {
                var isDirectory: ObjCBool = false
                if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
                    throw HistoryError(path: path, reason: "is a directory, not a history file")
                }
                var status = stat()
                if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG, !isDirectory.boolValue {
                    throw HistoryError(path: path, reason: "is no regular file and can be read once only: pipe it to -")
                }
                guard FileManager.default.isReadableFile(atPath: path) else {
                    throw HistoryError(path: path, reason: "is not there, or may not be read")
                }
                guard !paths.contains(path) else { throw HistoryError(path: path, reason: "is given twice") }
                paths.append(path)
            }
        }
        guard !paths.isEmpty else { throw HistoryError(path: "", reason: "no history is given") }
        self.init(streams: [paths], names: names)
    }

    private static func glob(_ pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard Glibc.glob(pattern, GLOB_MARK, nil, &result) == 0 else { return [] }
        return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }.sorted()
    }

    /// Starts at the first event of one stream.
    public func open(stream: Int) throws(HistoryError) -> Reader {
        try Reader(streams[stream], names: names, after: streams[..<stream].reduce(0) { $0 + $1.count })
    }

    /// A line of one of the files.
    public struct Place: Sendable {
        public let file: Int
        let line: Int
    }

    /// Names a place.
    public func text(_ place: Place) -> String { "\(paths[place.file]):\(place.line)" }

    /// The events of some files, in order.
    public final class Reader {
        private let paths: [String]
        private let names: FieldNames
        /// Files of the history before these.
        private let filesBefore: Int
        private var index = 0
        private var file: HistoryReader
        /// Bytes of each file; 0 where that is not known.
        private let sizes: [Double]

        fileprivate init(_ paths: [String], names: FieldNames, after filesBefore: Int) throws(HistoryError) {
            self.paths = paths
            self.names = names
            self.filesBefore = filesBefore
            file = try HistoryReader(path: paths[0], names: names)
            sizes = paths.map { path in
                (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Double) ?? 0
            }
        }

        /// The next event, `nil` at the end. It borrows: use it before the next call.
        /// - Throws: `HistoryError` naming file, line, field and reason.
        public func next() throws(HistoryError) -> CustomerEvent? {
            while true {
                if let event = try file.next() { return event }
                guard index + 1 < paths.count else { return nil }
                index += 1
                file = try HistoryReader(path: paths[index], names: names)
            }
        }

        /// Where the event read last stands.
        public var place: Place { Place(file: filesBefore + index, line: file.line) }

        /// How much of these files has been read; `nil` for a pipe.
        public var share: Double? {
            guard let share = file.share else { return nil }
            let behind = sizes[..<index].reduce(0, +)
            return (behind + share * sizes[index]) / max(sizes.reduce(0, +), 1)
        }
    }
}
