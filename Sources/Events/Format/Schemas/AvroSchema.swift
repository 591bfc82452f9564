import Foundation

/// A schema of Apache Avro, parsed (https://avro.apache.org/docs/1.12.0/specification/).
///
/// Types are numbered, so that a record can contain itself.
final class AvroSchema: @unchecked Sendable {
    // Unchecked: nothing is written after the initialiser.

    /// How a value is encoded.
    enum Shape {
        case null, boolean, int, long, float, double, bytes, string
        case fixed(size: Int)
        case enumeration(symbols: [UnsafeRawBufferPointer])
        case array(of: Int)
        case map(of: Int)
        case record([Field])
        case union([Int])
    }

    /// What a value means, where that is more than its encoding says.
    enum Meaning: Equatable {
        case plain
        case decimal(scale: Int)
        /// Since 1970 UTC, in units of so many nanoseconds.
        case instant(nanoseconds: Int64)
        /// The same in local time.
        case localTime(nanoseconds: Int64)
    }

    /// A record's member.
    struct Field {
        let name: UnsafeRawBufferPointer
        let type: Int
    }

    /// A type.
    struct Kind {
        var shape: Shape
        var meaning = Meaning.plain
    }

    private(set) var types: [Kind] = []
    /// The number of the schema's own type.
    private(set) var root = 0
    private let names = TextMemory()
    private var numbers: [String: Int] = [:]

    /// Most types of a schema, and how deep they may be nested.
    private static let typeLimit = 10_000
    private static let depthLimit = 64

    /// Parses a schema.
    /// - Parameter references: the schemas whose types it names, each behind those that it names itself.
    /// - Throws: `SchemaError` saying what is wrong with it.
    init(_ text: [UInt8], references: [[UInt8]] = []) throws(SchemaError) {
        for reference in references { _ = try parse(reference) }
        root = try parse(text)
    }

    private func parse(_ text: [UInt8]) throws(SchemaError) -> Int {
        guard let json = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed) else {
            throw SchemaError("is no Avro schema: it is no JSON")
        }
        return try type(json, namespace: "", depth: 0)
    }

    private func add(_ shape: Shape, _ meaning: Meaning = .plain) throws(SchemaError) -> Int {
        guard types.count < Self.typeLimit else { throw SchemaError("has more than \(Self.typeLimit) types") }
        types.append(Kind(shape: shape, meaning: meaning))
        return types.count - 1
    }

    /// Adds a type.
    /// - Returns: its number.
    private func type(_ json: Any, namespace: String, depth: Int) throws(SchemaError) -> Int {
        guard depth < Self.depthLimit else { throw SchemaError("is nested deeper than \(Self.depthLimit) levels") }
        if let name = json as? String { return try type(named: name, namespace: namespace) }
        if let branches = json as? [Any] {
            guard !branches.isEmpty else { throw SchemaError("has a union of no types") }
            let place = try add(.null)
            var numbers: [Int] = []
            for branch in branches { numbers.append(try type(branch, namespace: namespace, depth: depth + 1)) }
            types[place].shape = .union(numbers)
            return place
        }
        guard let definition = json as? [String: Any], let kind = definition["type"] else {
            throw SchemaError("is no Avro schema: a type must be a name, an array or an object with a \"type\"")
        }
        guard let name = kind as? String else { return try type(kind, namespace: namespace, depth: depth + 1) }
        switch name {
        case "record", "error", "enum", "fixed":
            return try named(definition, name, namespace: namespace, depth: depth)
        case "array", "map":
            let content = definition[name == "array" ? "items" : "values"]
            guard let content else { throw SchemaError("has an \(name) that does not say of what") }
            let element = try type(content, namespace: namespace, depth: depth + 1)
            return try add(name == "array" ? .array(of: element) : .map(of: element))
        default:
            let place = try type(named: name, namespace: namespace)
            let meaning = Self.meaning(definition, types[place].shape)
            return meaning == .plain ? place : try add(types[place].shape, meaning)
        }
    }

    private func type(named name: String, namespace: String) throws(SchemaError) -> Int {
        switch name {
        case "null": return try add(.null)
        case "boolean": return try add(.boolean)
        case "int": return try add(.int)
        case "long": return try add(.long)
        case "float": return try add(.float)
        case "double": return try add(.double)
        case "bytes": return try add(.bytes)
        case "string": return try add(.string)
        default:
            let full = name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
            guard let number = numbers[full] ?? numbers[name] else {
                throw SchemaError("names the type \(full), which it does not define")
            }
            return number
        }
    }

    /// Adds a type that has a name of its own.
    private func named(
        _ definition: [String: Any], _ kind: String, namespace: String, depth: Int
    ) throws(SchemaError) -> Int {
        guard let name = definition["name"] as? String, !name.isEmpty else {
            throw SchemaError("has a \(kind) without a name")
        }
        var namespace = definition["namespace"] as? String ?? namespace
        if let dot = name.lastIndex(of: ".") { namespace = String(name[..<dot]) }
        let full = name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
        guard numbers[full] == nil else { throw SchemaError("defines \(full) twice") }
        let place = try add(.null)
        numbers[full] = place
        switch kind {
        case "enum":
            guard let symbols = definition["symbols"] as? [String], !symbols.isEmpty else {
                throw SchemaError("has the enum \(full) without symbols")
            }
            types[place].shape = .enumeration(symbols: symbols.map { names.copy(Array($0.utf8)) })
        case "fixed":
            guard let size = definition["size"] as? Int, size >= 0 else {
                throw SchemaError("has the fixed type \(full) without a size")
            }
            types[place].shape = .fixed(size: size)
            types[place].meaning = Self.meaning(definition, .fixed(size: size))
        default:
            guard let members = definition["fields"] as? [Any] else {
                throw SchemaError("has the record \(full) without fields")
            }
            var fields: [Field] = []
            for member in members {
                guard let member = member as? [String: Any], let name = member["name"] as? String,
                    let type = member["type"]
                else { throw SchemaError("has a field of \(full) without a name or a type") }
                let number = try self.type(type, namespace: namespace, depth: depth + 1)
                fields.append(Field(name: names.copy(Array(name.utf8)), type: number))
            }
            types[place].shape = .record(fields)
        }
        return place
    }

    /// What a type's attributes say of its values: Avro's logical types, and what Kafka Connect's converter leaves in
    /// `connect.name`. One that does not fit its type is ignored, as the specification wants it.
    private static func meaning(_ definition: [String: Any], _ shape: Shape) -> Meaning {
        let logicalType = definition["logicalType"] as? String
        switch (shape, logicalType) {
        case (.int, "date"): return .instant(nanoseconds: 86_400_000_000_000)
        case (.long, "timestamp-millis"): return .instant(nanoseconds: 1_000_000)
        case (.long, "timestamp-micros"): return .instant(nanoseconds: 1000)
        case (.long, "timestamp-nanos"): return .instant(nanoseconds: 1)
        case (.long, "local-timestamp-millis"): return .localTime(nanoseconds: 1_000_000)
        case (.long, "local-timestamp-micros"): return .localTime(nanoseconds: 1000)
        case (.long, "local-timestamp-nanos"): return .localTime(nanoseconds: 1)
        case (.bytes, "decimal"), (.fixed, "decimal"):
            let scale = definition["scale"] as? Int ?? 0
            return (0...38).contains(scale) ? .decimal(scale: scale) : .plain
        case (.int, nil), (.long, nil):
            let name = definition["connect.name"] as? String ?? ""
            return SchemaTypes.epochs[name].map { .instant(nanoseconds: $0) } ?? .plain
        default: return .plain
        }
    }
}

/// Why a schema cannot be used, in words that go on from its name.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package let description: String

    init(_ description: String) { self.description = description }
}
