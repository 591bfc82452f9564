/// Reads JSON messages into trees.
enum JSONTree {
    /// Replaces a tree by that of a message.
    /// - Throws: `EventError` for anything but one well-formed value in valid UTF-8, nested at most 64 levels deep.
    /// - Complexity: O(bytes).
    static func read(_ message: UnsafeRawBufferPointer, into tree: inout MessageTree, texts: TextMemory)
        throws(EventError)
    {
        tree.removeAll()
        guard !message.isEmpty else { throw EventError(field: nil, reason: "empty message") }
        guard isValidUTF8(message) else { throw EventError(field: nil, reason: "not JSON: invalid UTF-8") }
        var cursor = JSONCursor(message)
        try value(&cursor, name: UnsafeRawBufferPointer(start: nil, count: 0), depth: 0, into: &tree, texts)
        cursor.skipSpace()
        guard cursor.at == message.count else { throw cursor.error("more after the value") }
    }

    private static func value(
        _ cursor: inout JSONCursor, name: UnsafeRawBufferPointer, depth: Int, into tree: inout MessageTree,
        _ texts: TextMemory
    ) throws(EventError) {
        guard depth < JSONCursor.depthLimit else {
            throw cursor.error("nested deeper than \(JSONCursor.depthLimit) levels")
        }
        cursor.skipSpace()
        let start = cursor.at
        func read(_ cursor: JSONCursor) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: cursor.bytes[start..<cursor.at])
        }
        switch cursor.current {
        case nil: throw cursor.error("ends too early")
        case UInt8(ascii: "{"):
            let index = tree.open(.object, name: name)
            try cursor.forEachMember { key, cursor throws(EventError) in
                let name = key.isEscaped ? texts.unescaped(key.raw) : key.raw
                try value(&cursor, name: name, depth: depth + 1, into: &tree, texts)
            }
            tree.close(index, read(cursor))
        case UInt8(ascii: "["):
            let index = tree.open(.array, name: name)
            try cursor.forEachElement { cursor throws(EventError) in
                try value(
                    &cursor, name: UnsafeRawBufferPointer(start: nil, count: 0), depth: depth + 1, into: &tree, texts)
            }
            tree.close(index, read(cursor))
        case UInt8(ascii: "\""):
            let (raw, isEscaped) = try cursor.string()
            tree.append(isEscaped ? .escapedString : .string, name: name, raw)
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            try cursor.literal()
            let bytes = read(cursor)
            tree.append(bytes[0] == UInt8(ascii: "n") ? .null : .flag, name: name, bytes)
        default:
            if cursor.skipNotANumber() {
                tree.append(.null, name: name, read(cursor))
            } else {
                tree.append(.number, name: name, try cursor.number())
            }
        }
    }
}
