import Events

/// The body of `POST /v1/score`: one customer's events, still as bytes, and the instant to look from.
struct ScoreRequest {
    /// Where each event's bytes lie in the body.
    var events: [Range<Int>] = []
    /// Milliseconds; `nil` for the last event's own time.
    var asOf: Int64?

    init() {}

    /// Reads a body in one strict pass.
    /// - Throws: `Problem`: what is not JSON before what is not this body.
    /// - Complexity: O(bytes).
    mutating func read(_ body: UnsafeRawBufferPointer, maxEvents: Int) throws(Problem) {
        events.removeAll(keepingCapacity: true)
        asOf = nil
        var hasEvents = false
        var wrong: Problem?
        try BodyReader.read(body) { name, cursor throws(EventError) in
            switch name {
            case "events":
                hasEvents = true
                guard cursor.current == UInt8(ascii: "[") else {
                    wrong = wrong ?? .badBody(name, "must be an array of events")
                    return try cursor.skipValueStrictly(levels: BodyReader.levels)
                }
                try readEvents(&cursor)
            case "as_of":
                guard let text = try BodyReader.text(&cursor) else { return }
                asOf = text.flatMap { $0.withUnsafeBytes { EventTime.parseISO8601($0) } }
                if asOf == nil { wrong = wrong ?? .badBody(name, "must be a time as ISO 8601, or null") }
            default:
                wrong = wrong ?? .badBody(name, "is no member of this body; it takes events and as_of")
                try cursor.skipValueStrictly(levels: BodyReader.levels)
            }
        }
        if let wrong { throw wrong }
        guard hasEvents else { throw .badBody("events", "is missing") }
        guard !events.isEmpty else { throw Problem(.noEvents, "\"events\" is empty: there is no state to score") }
        guard events.count <= maxEvents else {
            throw Problem(.tooManyEvents, "\(events.count) events; at most \(maxEvents) are taken at once")
        }
    }

    private mutating func readEvents(_ cursor: inout JSONCursor) throws(EventError) {
        try cursor.forEachElement { element throws(EventError) in
            let start = element.at
            try element.skipValueStrictly(levels: BodyReader.levels - 1)
            events.append(start..<element.at)
        }
    }
}
