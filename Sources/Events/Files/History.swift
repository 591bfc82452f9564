import Foundation

/// A history of events in one or several files.
///
/// The files of one stream are read one after the other. Streams are like the partitions of a topic: all events of a
/// customer are in one of them.
package struct History: Sendable {
    /// The paths of each stream's files, in the order in which they are read.
    package let streams: [[String]]
    /// How the files' events are understood.
    package let format: EventFormat

    /// - Parameter streams: the paths of each stream's files; streams without one are left out.
    /// - Precondition: there is a file.
    package init(streams: [[String]], format: EventFormat = EventFormat()) {
        precondition(streams.contains { !$0.isEmpty })
        self.streams = streams.filter { !$0.isEmpty }
        self.format = format
    }

    /// One stream of one file.
    package init(path: String, format: EventFormat = EventFormat()) { self.init(streams: [[path]], format: format) }

    /// All files, in the order in which they are read.
    package var paths: [String] { streams.flatMap { $0 } }

    /// One stream of paths and glob patterns, in the order given; what one pattern matches, in the order of the names.
    /// - Throws: `HistoryError` for a pattern that matches nothing and a file that is not there or comes twice.
    package init(patterns: [String], format: EventFormat = EventFormat()) throws(HistoryError) {
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
        self.init(streams: [paths], format: format)
    }

    private static func glob(_ pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard Glibc.glob(pattern, GLOB_MARK, nil, &result) == 0 else { return [] }
        return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }.sorted()
    }

    /// A reader at the first event of a stream.
    /// - Throws: `HistoryError` when the stream's first file cannot be opened.
    package func open(stream: Int) throws(HistoryError) -> Reader {
        try Reader(streams[stream], format: format, after: streams[..<stream].reduce(0) { $0 + $1.count })
    }

    /// A line of one of the files.
    package struct Place: Sendable {
        /// The index of the file in `paths`.
        package let file: Int
        let line: Int
    }

    /// A place as `path:line`.
    package func text(_ place: Place) -> String { "\(paths[place.file]):\(place.line)" }

    /// The events of some files, in order.
    package final class Reader {
        private let paths: [String]
        private let format: EventFormat
        /// Files of the history before these.
        private let filesBefore: Int
        private var index = 0
        private var file: HistoryReader
        /// Bytes of each file; 0 where that is not known.
        private let sizes: [Double]

        fileprivate init(_ paths: [String], format: EventFormat, after filesBefore: Int) throws(HistoryError) {
            self.paths = paths
            self.format = format
            self.filesBefore = filesBefore
            file = try HistoryReader(path: paths[0], format: format)
            sizes = paths.map { path in
                (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Double) ?? 0
            }
        }

        /// The next event, `nil` at the end. It borrows: use it before the next call.
        /// - Throws: `HistoryError` naming file, line, field and reason.
        package func next() throws(HistoryError) -> CustomerEvent? {
            while true {
                if let event = try file.next() { return event }
                guard index + 1 < paths.count else { return nil }
                index += 1
                file = try HistoryReader(path: paths[index], format: format)
            }
        }

        /// Whether the event read last is the last one of its message.
        package var isLastOfMessage: Bool { file.isLastOfMessage }

        /// Where the event read last is.
        package var place: Place { Place(file: filesBefore + index, line: file.line) }

        /// How much of these files has been read; `nil` for a pipe.
        package var share: Double? {
            guard let share = file.share else { return nil }
            let behind = sizes[..<index].reduce(0, +)
            return (behind + share * sizes[index]) / max(sizes.reduce(0, +), 1)
        }
    }
}
