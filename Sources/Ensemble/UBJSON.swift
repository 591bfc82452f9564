/// Parses Universal Binary JSON (draft 12, https://ubjson.org), the notation of XGBoost's `.ubj` model files.
///
/// Layout: a marker byte, then its payload, numbers big-endian. `{` and `[` open containers that run to `}` and `]`,
/// unless `$ type` and `# count` after the opening give element type and number.
enum UBJSON {
    /// - Throws: `ArtifactError` for anything but exactly one well-formed value.
    /// - Complexity: O(bytes).
    static func parse(_ bytes: [UInt8], path: String) throws(ArtifactError) -> JSONValue {
        var parser = Parser(bytes: bytes, path: path)
        let value = try parser.value(marker: parser.byte(), depth: 0)
        guard parser.at == bytes.count else { throw parser.error("has bytes behind its end") }
        return value
    }

    private struct Parser {
        let bytes: [UInt8]
        let path: String
        var at = 0

        init(bytes: [UInt8], path: String) {
            self.bytes = bytes
            self.path = path
        }

        func error(_ what: String) -> ArtifactError { ArtifactError(path: path, reason: "UBJSON \(what) (byte \(at))") }

        mutating func byte() throws(ArtifactError) -> UInt8 {
            guard at < bytes.count else { throw error("ends too early") }
            at += 1
            return bytes[at - 1]
        }

        mutating func bigEndian(_ width: Int) throws(ArtifactError) -> UInt64 {
            guard bytes.count - at >= width else { throw error("ends too early") }
            var value: UInt64 = 0
            for _ in 0..<width {
                value = value << 8 | UInt64(bytes[at])
                at += 1
            }
            return value
        }

        mutating func integer(marker: UInt8) throws(ArtifactError) -> Int64? {
            switch marker {
            case UInt8(ascii: "i"): Int64(Int8(truncatingIfNeeded: try bigEndian(1)))
            case UInt8(ascii: "U"): Int64(try bigEndian(1))
            case UInt8(ascii: "I"): Int64(Int16(truncatingIfNeeded: try bigEndian(2)))
            case UInt8(ascii: "l"): Int64(Int32(truncatingIfNeeded: try bigEndian(4)))
            case UInt8(ascii: "L"): Int64(bitPattern: try bigEndian(8))
            default: nil
            }
        }

        /// A length, at most the number of bytes in the file.
        mutating func length() throws(ArtifactError) -> Int {
            guard let length = try integer(marker: byte()), length >= 0, length <= bytes.count else {
                throw error("has a bad length")
            }
            return Int(length)
        }

        mutating func string() throws(ArtifactError) -> String {
            let count = try length()
            guard bytes.count - at >= count else { throw error("ends too early") }
            at += count
            return String(decoding: bytes[(at - count)..<at], as: UTF8.self)
        }

        mutating func value(marker: UInt8, depth: Int) throws(ArtifactError) -> JSONValue {
            guard depth < JSONValue.depthLimit else { throw error("is nested too deeply") }
            if let integer = try integer(marker: marker) { return .integer(integer) }
            switch marker {
            case UInt8(ascii: "Z"): return .null
            case UInt8(ascii: "T"): return .bool(true)
            case UInt8(ascii: "F"): return .bool(false)
            case UInt8(ascii: "d"): return .float(Float(bitPattern: UInt32(try bigEndian(4))))
            case UInt8(ascii: "D"): return .double(Double(bitPattern: try bigEndian(8)))
            case UInt8(ascii: "S"): return .string(try string())
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "{"): return try object(depth: depth)
            default: throw error("has an unknown marker \(marker)")
            }
        }

        mutating func array(depth: Int) throws(ArtifactError) -> JSONValue {
            var type: UInt8?
            if at < bytes.count, bytes[at] == UInt8(ascii: "$") {
                at += 1
                type = try byte()
            }
            var count: Int?
            if at < bytes.count, bytes[at] == UInt8(ascii: "#") {
                at += 1
                count = try length()
            }
            if let type, count == nil { throw error("has a typed array (\(type)) without a count") }
            if let type, let count {
                return try numbers(type, count)
            }
            var values: [JSONValue] = []
            while true {
                if let count, values.count == count { return .array(values) }
                let marker = try byte()
                if count == nil, marker == UInt8(ascii: "]") { return .array(values) }
                values.append(try value(marker: marker, depth: depth + 1))
            }
        }

        /// A typed array. 64-bit floats are accepted if 32 bits hold their values.
        private mutating func numbers(_ type: UInt8, _ count: Int) throws(ArtifactError) -> JSONValue {
            guard let width = Self.widths[type] else { throw error("has an array of unsupported type \(type)") }
            guard count <= (bytes.count - at) / width else { throw error("ends too early") }
            if type == UInt8(ascii: "d") || type == UInt8(ascii: "D") {
                var values: [Float] = []
                values.reserveCapacity(count)
                for _ in 0..<count {
                    let bits = try bigEndian(width)
                    let value = width == 4 ? Float(bitPattern: UInt32(bits)) : Float(exactly: Double(bitPattern: bits))
                    guard let value else { throw error("has a number that takes 64 bits") }
                    values.append(value)
                }
                return .floats(values)
            }
            var values: [Int64] = []
            values.reserveCapacity(count)
            for _ in 0..<count {
                guard let value = try integer(marker: type) else { throw error("has an unknown marker \(type)") }
                values.append(value)
            }
            return .integers(values)
        }

        /// Bytes of a number, by its type.
        private static let widths: [UInt8: Int] = [
            UInt8(ascii: "i"): 1, UInt8(ascii: "U"): 1, UInt8(ascii: "I"): 2, UInt8(ascii: "l"): 4,
            UInt8(ascii: "L"): 8, UInt8(ascii: "d"): 4, UInt8(ascii: "D"): 8,
        ]

        mutating func object(depth: Int) throws(ArtifactError) -> JSONValue {
            var members: [String: JSONValue] = [:]
            while true {
                guard at < bytes.count else { throw error("ends too early") }
                if bytes[at] == UInt8(ascii: "}") {
                    at += 1
                    return .object(members)
                }
                let key = try string()
                members[key] = try value(marker: byte(), depth: depth + 1)
            }
        }
    }
}
