import Events

/// Reads JSON (RFC 8259), with `NaN`, `Infinity` and `-Infinity` as XGBoost writes them, into values. A number with a
/// fraction or an exponent is rounded once, to 32 bits.
enum JSONDocument {
    /// - Throws: `ArtifactError` for anything but exactly one well-formed value.
    /// - Complexity: O(bytes).
    static func parse(_ bytes: [UInt8], path: String) throws(ArtifactError) -> JSONValue {
        do {
            return try bytes.withUnsafeBytes { bytes in
                var parser = Parser(cursor: JSONCursor(bytes))
                let value = try parser.value(depth: 0)
                parser.cursor.skipSpace()
                guard parser.cursor.at == bytes.count else { throw parser.error("bytes behind its end") }
                return value
            }
        } catch let error as EventError {
            throw ArtifactError(path: path, reason: error.reason)
        } catch {
            throw ArtifactError(path: path, reason: "\(error)")
        }
    }

    private struct Parser {
        var cursor: JSONCursor

        func error(_ what: String) -> EventError {
            EventError(field: nil, reason: "not JSON: \(what) at byte \(cursor.at)")
        }

        mutating func value(depth: Int) throws(EventError) -> JSONValue {
            guard depth < JSONValue.depthLimit else { throw error("nested deeper than \(JSONValue.depthLimit) levels") }
            cursor.skipSpace()
            if cursor.skip("{") { return try object(depth: depth) }
            if cursor.skip("[") { return try array(depth: depth) }
            if cursor.isAt("\"") { return .string(try string()) }
            for (word, value) in Self.words where cursor.skip(word: word) { return value }
            return try number()
        }

        private static let words: [(StaticString, JSONValue)] = [
            ("true", .bool(true)), ("false", .bool(false)), ("null", .null), ("NaN", .float(.nan)),
            ("Infinity", .float(.infinity)), ("-Infinity", .float(-.infinity)),
        ]

        private mutating func string() throws(EventError) -> String {
            let (raw, isEscaped) = try cursor.string()
            guard isEscaped else { return String(decoding: raw, as: UTF8.self) }
            let unescaped = [UInt8](unsafeUninitializedCapacity: raw.count) { buffer, count in
                count = JSONCursor.unescape(raw, into: UnsafeMutableRawBufferPointer(buffer))
            }
            return String(decoding: unescaped, as: UTF8.self)
        }

        private mutating func number() throws(EventError) -> JSONValue {
            let text = String(decoding: try cursor.number(), as: UTF8.self)
            if let integer = Int64(text) { return .integer(integer) }
            guard let float = Float(text) else { throw error("malformed value") }
            return .float(float)
        }

        private mutating func object(depth: Int) throws(EventError) -> JSONValue {
            var members: [String: JSONValue] = [:]
            cursor.skipSpace()
            if cursor.skip("}") { return .object(members) }
            repeat {
                cursor.skipSpace()
                let key = try string()
                try cursor.expectColon()
                guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
                    throw error("a second \"\(key)\" in one object")
                }
                cursor.skipSpace()
            } while cursor.skip(",")
            guard cursor.skip("}") else { throw error("expected , or }") }
            return .object(members)
        }

        /// Numbers alone are kept side by side, as integers until the first that is none.
        private mutating func array(depth: Int) throws(EventError) -> JSONValue {
            var integers: [Int64] = []
            var floats: [Float] = []
            var others: [JSONValue] = []
            cursor.skipSpace()
            if cursor.skip("]") { return .array([]) }
            repeat {
                let element = try value(depth: depth + 1)
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
                cursor.skipSpace()
            } while cursor.skip(",")
            guard cursor.skip("]") else { throw error("expected , or ]") }
            return others.isEmpty ? (floats.isEmpty ? .integers(integers) : .floats(floats)) : .array(others)
        }
    }
}

extension JSONCursor {
    fileprivate func isAt(_ token: Unicode.Scalar) -> Bool {
        var ahead = self
        return ahead.skip(token)
    }

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
