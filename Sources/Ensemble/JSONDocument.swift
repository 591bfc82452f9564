import Events

/// Reads JSON (RFC 8259), with `NaN`, `Infinity` and `-Infinity` as XGBoost writes them, into values. A number with a
/// fraction or an exponent is rounded once, to 32 bits.
enum JSONDocument {
    /// - Throws: `ArtifactError` for anything but exactly one well-formed value.
    /// - Complexity: O(bytes).
    static func parse(_ bytes: [UInt8], path: String) throws(ArtifactError) -> JSONValue {
        do {
            return try bytes.withUnsafeBytes { bytes in
                var cursor = JSONCursor(bytes)
                let value = try value(&cursor, depth: 0)
                cursor.skipSpace()
                guard cursor.at == bytes.count else { throw cursor.error("bytes behind its end") }
                return value
            }
        } catch let error as EventError {
            throw ArtifactError(path: path, reason: error.reason)
        } catch {
            throw ArtifactError(path: path, reason: "\(error)")
        }
    }

    private static let words: [(StaticString, JSONValue)] = [
        ("true", .bool(true)), ("false", .bool(false)), ("null", .null), ("NaN", .float(.nan)),
        ("Infinity", .float(.infinity)), ("-Infinity", .float(-.infinity)),
    ]

    /// Reads a value that is in `depth` objects and arrays.
    private static func value(_ cursor: inout JSONCursor, depth: Int) throws(EventError) -> JSONValue {
        guard depth < JSONValue.depthLimit else {
            throw cursor.error("nested deeper than \(JSONValue.depthLimit) levels")
        }
        cursor.skipSpace()
        switch cursor.current {
        case UInt8(ascii: "{"): return try object(&cursor, depth: depth)
        case UInt8(ascii: "["): return try array(&cursor, depth: depth)
        case UInt8(ascii: "\""):
            let (raw, isEscaped) = try cursor.string()
            return .string(String(decoding: isEscaped ? JSONCursor.unescaped(raw) : Array(raw), as: UTF8.self))
        default:
            for (word, value) in words where cursor.skip(word: word) { return value }
            return try number(&cursor)
        }
    }

    private static func number(_ cursor: inout JSONCursor) throws(EventError) -> JSONValue {
        let text = String(decoding: try cursor.number(), as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard let float = Float(text) else { throw cursor.error("malformed value") }
        return .float(float)
    }

    private static func object(_ cursor: inout JSONCursor, depth: Int) throws(EventError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        try cursor.forEachMember { name, cursor throws(EventError) in
            let key = name.text
            guard members.updateValue(try value(&cursor, depth: depth + 1), forKey: key) == nil else {
                throw cursor.error("a second \"\(key)\" in one object")
            }
        }
        return .object(members)
    }

    /// Numbers alone are kept side by side, as integers until the first that is none.
    private static func array(_ cursor: inout JSONCursor, depth: Int) throws(EventError) -> JSONValue {
        var integers: [Int64] = []
        var floats: [Float] = []
        var others: [JSONValue] = []
        try cursor.forEachElement { cursor throws(EventError) in
            let element = try value(&cursor, depth: depth + 1)
            switch element {
            case .integer(let value) where others.isEmpty && floats.isEmpty: integers.append(value)
            case .integer(let value) where others.isEmpty: floats.append(Float(value))
            case .float(let value) where others.isEmpty:
                if floats.isEmpty {
                    floats = integers.map { Float($0) }
                    integers = []
                }
                floats.append(value)
            default:
                others += integers.map { .integer($0) } + floats.map { .float($0) }
                (integers, floats) = ([], [])
                others.append(element)
            }
        }
        return others.isEmpty ? (floats.isEmpty ? .integers(integers) : .floats(floats)) : .array(others)
    }
}

extension JSONCursor {
    fileprivate mutating func skip(word: StaticString) -> Bool {
        let start = at
        for index in 0..<word.utf8CodeUnitCount {
            guard skip(Unicode.Scalar(word.utf8Start[index])) else {
                at = start
                return false
            }
        }
        return true
    }
}
