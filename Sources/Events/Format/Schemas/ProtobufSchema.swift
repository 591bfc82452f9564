/// The message types of Protobuf files, with every name resolved.
final class ProtobufSchema: @unchecked Sendable {
    // Unchecked: nothing is written after the initialiser.

    /// How a field's value is encoded and what it is.
    enum Shape {
        case double, float, int32, int64, uint32, uint64, sint32, sint64
        case fixed32, fixed64, sfixed32, sfixed64, bool, string, bytes
        case enumeration(Int)
        case message(Int)
        /// Of a type that nobody declares here, such as Google's `Any`: it is passed over.
        case opaque
    }

    /// A field of a message.
    struct Field {
        let number: Int
        let name: UnsafeRawBufferPointer
        let shape: Shape
        let isRepeated: Bool
        /// Whether a message that lacks it says nothing of it; else it has its default then.
        let hasPresence: Bool
    }

    /// Types of Google's and Confluent's that stand for one value.
    enum Meaning {
        case none, timestamp, wrapper, money, decimal
    }

    /// A message type.
    struct Message {
        let name: String
        let isMapEntry: Bool
        let meaning: Meaning
        var fields: [Field] = []
        /// Places in `fields` by number.
        var places: [Int: Int] = [:]
    }

    private(set) var messages: [Message] = []
    /// Each enum's names by number.
    private(set) var enums: [[Int32: UnsafeRawBufferPointer]] = []
    private let names = TextMemory()
    private var messageNumbers: [String: Int] = [:]
    private var enumNumbers: [String: Int] = [:]
    /// The messages of the last file by their places in it, as frames name them.
    private var numbersByPlace: [[Int]: Int] = [:]

    private static let typeLimit = 10_000

    /// - Parameter files: the last one is the schema's own.
    /// - Throws: `SchemaError` for a type that none of them declares.
    init(_ files: [ProtoFile]) throws(SchemaError) {
        var declared: [(message: ProtoFile.Message, name: String, isProto3: Bool)] = []
        for file in try Self.standardTypes() + files {
            numbersByPlace = [:]
            for (place, message) in file.messages.enumerated() {
                try declare(message, in: file.package, [place], file.isProto3, &declared)
            }
            for enumeration in file.enums { declare(enumeration, in: file.package) }
        }
        guard declared.count <= Self.typeLimit else { throw SchemaError("has more than \(Self.typeLimit) messages") }
        for (message, name, isProto3) in declared {
            // The first declaration of a name counts, so that files may bring the standard types themselves.
            guard let number = messageNumbers[name], messages[number].fields.isEmpty else { continue }
            for field in message.fields { try add(field, to: number, isProto3: isProto3) }
        }
    }

    private func declare(
        _ message: ProtoFile.Message, in scope: String, _ place: [Int], _ isProto3: Bool,
        _ declared: inout [(message: ProtoFile.Message, name: String, isProto3: Bool)]
    ) throws(SchemaError) {
        let name = scope.isEmpty ? message.name : "\(scope).\(message.name)"
        if messageNumbers[name] == nil {
            messageNumbers[name] = messages.count
            messages.append(Message(name: name, isMapEntry: message.isMapEntry, meaning: Self.meaning(of: name)))
        }
        numbersByPlace[place] = messageNumbers[name]
        declared.append((message, name, isProto3))
        for (index, nested) in message.messages.enumerated() {
            try declare(nested, in: name, place + [index], isProto3, &declared)
        }
        for enumeration in message.enums { declare(enumeration, in: name) }
    }

    private func declare(_ enumeration: ProtoFile.Enumeration, in scope: String) {
        let name = scope.isEmpty ? enumeration.name : "\(scope).\(enumeration.name)"
        guard enumNumbers[name] == nil else { return }
        enumNumbers[name] = enums.count
        enums.append(
            Dictionary(enumeration.values.map { ($0.number, names.copy(Array($0.name.utf8))) }) { first, _ in first })
    }

    private func add(_ field: ProtoFile.Field, to number: Int, isProto3: Bool) throws(SchemaError) {
        guard (1..<1 << 29).contains(field.number) else {
            throw SchemaError("gives a field of \(messages[number].name) the impossible number \(field.number)")
        }
        guard messages[number].places[field.number] == nil else {
            throw SchemaError("gives two fields of \(messages[number].name) the number \(field.number)")
        }
        let shape = try shape(field, in: messages[number].name)
        var hasPresence = field.label == .optional || field.isInOneof || !isProto3
        if case .message = shape { hasPresence = true }
        messages[number].places[field.number] = messages[number].fields.count
        messages[number].fields.append(
            Field(
                number: field.number, name: names.copy(Array(field.name.utf8)), shape: shape,
                isRepeated: field.label == .repeated, hasPresence: hasPresence))
    }

    private func shape(_ field: ProtoFile.Field, in message: String) throws(SchemaError) -> Shape {
        switch field.type {
        case "double": return .double
        case "float": return .float
        case "int32": return .int32
        case "int64": return .int64
        case "uint32": return .uint32
        case "uint64": return .uint64
        case "sint32": return .sint32
        case "sint64": return .sint64
        case "fixed32": return .fixed32
        case "fixed64": return .fixed64
        case "sfixed32": return .sfixed32
        case "sfixed64": return .sfixed64
        case "bool": return .bool
        case "string": return .string
        case "bytes": return .bytes
        default: break
        }
        // A name is looked up from the innermost scope outwards; one that begins with a dot is whole.
        var scope = field.type.hasPrefix(".") ? "" : message
        let name = field.type.hasPrefix(".") ? String(field.type.dropFirst()) : field.type
        while true {
            let full = scope.isEmpty ? name : "\(scope).\(name)"
            if let number = messageNumbers[full] { return .message(number) }
            if let number = enumNumbers[full] { return .enumeration(number) }
            guard !scope.isEmpty else { break }
            scope = scope.lastIndex(of: ".").map { String(scope[..<$0]) } ?? ""
        }
        // Files import Google's types without bringing them.
        if name.hasPrefix("google.") { return .opaque }
        throw SchemaError("names the type \(field.type) in \(message).\(field.name), which no file declares")
    }

    /// The number of the message at a place in the schema's own file: the index of a message in the file, then of one in that.
    func message(at place: [Int]) -> Int? { numbersByPlace[place] }

    /// The number of a message by its full name; without a name, of the only or the first one.
    func message(named name: String) -> Int? { name.isEmpty ? numbersByPlace[[0]] : messageNumbers[name] }

    /// The names of the messages in the schema's own file.
    var ownMessages: [String] {
        numbersByPlace.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { messages[$0.value] }
            .filter { !$0.isMapEntry }.map(\.name)
    }

    // MARK: Types that stand for one value

    private static func meaning(of name: String) -> Meaning {
        switch name {
        case "google.protobuf.Timestamp": .timestamp
        case "google.type.Money": .money
        case "google.type.Decimal": .wrapper
        case "confluent.type.Decimal": .decimal
        case _ where wrappers.contains(name): .wrapper
        default: .none
        }
    }

    private static let wrapped = [
        "Double": "double", "Float": "float", "Int64": "int64", "UInt64": "uint64", "Int32": "int32",
        "UInt32": "uint32", "Bool": "bool", "String": "string", "Bytes": "bytes",
    ]
    private static let wrappers = Set(wrapped.keys.map { "google.protobuf.\($0)Value" })

    /// Types that schemas use without declaring them.
    private static func standardTypes() throws(SchemaError) -> [ProtoFile] {
        let wrappers = wrapped.sorted { $0.key < $1.key }.map { "message \($0.key)Value { \($0.value) value = 1; }" }
        let texts = [
            "package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; } "
                + "message Duration { int64 seconds = 1; int32 nanos = 2; } message Empty {} "
                + wrappers.joined(separator: " "),
            "package google.type; message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; } "
                + "message Decimal { string value = 1; } "
                + "message Date { int32 year = 1; int32 month = 2; int32 day = 3; }",
            "package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
        ]
        var files: [ProtoFile] = []
        for text in texts { files.append(try ProtoFile(text: Array("syntax = \"proto3\"; \(text)".utf8))) }
        return files
    }
}
