import Events

/// A request's body: one JSON object, strictly (RFC 8259, UTF-8, no name twice, nesting bounded).
enum BodyReader {
    /// Levels of objects and arrays that a body may have, and those that a member's value may have.
    static let depthLimit = 32
    static let levels = depthLimit - 1

    /// Hands over the members' names in order, the cursor on each value, which `member` must pass over.
    /// - Throws: `Problem` with the position of what is not JSON.
    static func read(
        _ body: UnsafeRawBufferPointer, member: (String, inout JSONCursor) throws(EventError) -> Void
    ) throws(Problem) {
        guard isValidUTF8(body) else { throw .malformedJSON("not JSON: invalid UTF-8", at: nil) }
        var cursor = JSONCursor(body)
        do throws(EventError) {
            cursor.skipSpace()
            guard cursor.current == UInt8(ascii: "{") else {
                try cursor.skipValueStrictly(levels: depthLimit)
                try end(&cursor, body)
                throw EventError(field: "", reason: "")
            }
            try cursor.forEachMember(repeatedNames: .refused) { name, value throws(EventError) in
                try member(name.text, &value)
            }
            try end(&cursor, body)
        } catch {
            guard error.field == nil else { throw .badBody(nil, "the body must be an object") }
            throw .malformedJSON(error.reason, at: cursor.at)
        }
    }

    /// A string's content: `nil` for null, and within that `nil` for a value of another type.
    static func text(_ cursor: inout JSONCursor) throws(EventError) -> [UInt8]?? {
        if cursor.current == UInt8(ascii: "\"") {
            let (raw, isEscaped) = try cursor.string()
            return .some(isEscaped ? JSONCursor.unescaped(raw) : Array(raw))
        }
        let isNull = cursor.current == UInt8(ascii: "n")
        try cursor.skipValueStrictly(levels: levels)
        return isNull ? nil : .some(nil)
    }

    private static func end(_ cursor: inout JSONCursor, _ body: UnsafeRawBufferPointer) throws(EventError) {
        cursor.skipSpace()
        guard cursor.at == body.count else { throw cursor.error("more after the value") }
    }
}
