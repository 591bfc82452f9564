/// A value of JSON or of Universal Binary JSON, the two notations of XGBoost's model files. Arrays of numbers take 8 or 4
/// bytes a number.
enum JSONValue {
    case null
    case bool(Bool)
    case integer(Int64)
    case float(Float)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case integers([Int64])
    case floats([Float])
    case object([String: JSONValue])

    /// Deepest nesting of containers.
    static let depthLimit = 32

    /// An object's member; `nil` in any other value.
    subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// A string's text.
    var text: String? { if case .string(let text) = self { text } else { nil } }

    /// An array's elements.
    var elements: [JSONValue]? {
        switch self {
        case .array(let elements): elements
        case .integers(let values): values.map { .integer($0) }
        case .floats(let values): values.map { .float($0) }
        default: nil
        }
    }

    /// An array's integers; booleans count as 1 and 0, as some versions of XGBoost write split directions.
    var integers: [Int64]? {
        switch self {
        case .integers(let values): return values
        case .array(let elements):
            var values: [Int64] = []
            for element in elements {
                switch element {
                case .integer(let value): values.append(value)
                case .bool(let value): values.append(value ? 1 : 0)
                default: return nil
                }
            }
            return values
        default: return nil
        }
    }

    /// An array's numbers as 32-bit floats; `nil` if one of them needs 64 bits.
    var floats: [Float]? {
        switch self {
        case .floats(let values): return values
        case .integers(let values): return values.map { Float($0) }
        case .array(let elements):
            var values: [Float] = []
            for element in elements {
                switch element {
                case .float(let value): values.append(value)
                case .integer(let value): values.append(Float(value))
                case .double(let value):
                    guard let exact = Float(exactly: value) else { return nil }
                    values.append(exact)
                default: return nil
                }
            }
            return values
        default: return nil
        }
    }
}
