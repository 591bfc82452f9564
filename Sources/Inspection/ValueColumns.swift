import Events

/// The values of a sample of messages, by the path that they stand at.
struct ValueColumns {
    /// All values at one path.
    struct Column {
        let path: String
        let isInLine: Bool
        /// How many there are that are not null and not empty.
        var count = 0
        /// Of messages with a key, how many have this value as the key.
        var keys = 0
        /// Different values, as many as are followed.
        var texts: Set<String> = []
        /// The first one.
        var first = ""
    }

    private static let followed = 2000

    private(set) var columns: [Column] = []
    /// How many messages there are, and how many have a key.
    let messages: Int
    let keyed: Int
    /// How many lines there are.
    private(set) var lines = 0
    /// Paths of arrays of objects, by how many messages have them.
    private(set) var arrays: [String: Int] = [:]
    /// Whether a message had more values than were looked at.
    private(set) var isCut = false
    /// Envelopes that messages look like.
    private(set) var envelopes: [EventFormat.Envelope: Int] = [:]

    init(_ messages: [InspectedMessage], in format: EventFormat) {
        let outlines = format.outlines(of: messages)
        self.messages = outlines.count
        keyed = outlines.count { $0.message.key?.isEmpty == false }
        var places: [String: Int] = [:]
        for (message, outline) in outlines {
            for array in outline.arrays { arrays[array, default: 0] += 1 }
            if let envelope = outline.envelope { envelopes[envelope, default: 0] += 1 }
            let key = message.key.map { String(decoding: $0, as: UTF8.self) }
            lines += outline.lines
            isCut = isCut || outline.isCut
            for value in outline.values {
                let name = (value.isInLine ? "line " : "") + value.path
                let place = places[name] ?? columns.count
                if place == columns.count {
                    places[name] = place
                    columns.append(Column(path: value.path, isInLine: value.isInLine))
                }
                guard value.kind != .null, value.kind != .other, !value.text.isEmpty else { continue }
                if columns[place].count == 0 { columns[place].first = value.text }
                columns[place].count += 1
                if let key, !key.isEmpty, key == value.text { columns[place].keys += 1 }
                if columns[place].texts.count < Self.followed { columns[place].texts.insert(value.text) }
            }
        }
    }

    /// Share of messages or lines that have a value in a column.
    func share(_ column: Column) -> Double {
        Double(column.count) / Double(max(1, column.isInLine ? lines : messages))
    }

    /// The column that a field's path leads to: in the line if there is one, else in the order.
    func column(at path: String) -> Column? {
        let isFromRoot = path.hasPrefix("$.")
        let name = isFromRoot ? String(path.dropFirst(2)) : path
        let found = columns.filter { $0.path == name && !($0.isInLine && isFromRoot) }
        return found.first { $0.isInLine } ?? found.first
    }

    /// The path that leads to a column, as it is configured.
    func path(to column: Column) -> String {
        let isHidden = !column.isInLine && columns.contains { $0.isInLine && $0.path == column.path }
        return isHidden ? "$." + column.path : column.path
    }
}
