/// A value of JSON or of Universal Binary JSON, the two notations of XGBoost's model files. Arrays of numbers are kept as
/// such: 8 or 4 bytes a number.
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

    /// Levels of containers that a document may have.
    static let depthLimit = 32

    subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }

    var elements: [JSONValue]? {
        switch self {
        case .array(let elements): elements
        case .integers(let values): values.map { .integer($0) }
        case .floats(let values): values.map { .float($0) }
        default: nil
        }
    }

    /// Whole numbers; truth values are 1 and 0, as XGBoost wrote directions at times.
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
