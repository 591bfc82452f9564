/// Takes events' fields out of messages that are more than flat JSON: nested values, envelopes, orders with lines, Avro and
/// Protobuf. Belongs to one thread.
final class StructuredReader {
    private let format: EventFormat
    private let texts: TextMemory
    private let paths: [(field: EventField, path: FieldPath)]
    private var tree = MessageTree()
    private var types: SchemaTypes
    private let needed: NeededValues
    /// Readers of the registry's schemas that have been used, by their numbers.
    private var readers: [UInt32: SchemaReader] = [:]
    /// The reader that was used last, or that of the format's own schema.
    private var latest: (number: UInt32, reader: SchemaReader)?

    /// Reads the messages of one schema.
    private enum SchemaReader {
        case json
        case avro(AvroReader)
        case protobuf(ProtobufReader, ProtobufSchema)
    }

    init(_ format: EventFormat, texts: TextMemory) {
        self.format = format
        self.texts = texts
        paths = EventField.allCases.compactMap { field in
            FieldPath(format.fields[field]).map { (field, $0) }
        }
        needed = NeededValues(format, paths: paths.map(\.path))
        types = SchemaTypes(envelope: format.envelope, lines: format.lines, paths: paths)
    }

    /// Reads a message, writes the fields of each of its events in order, and calls `body` for each.
    /// - Throws: `EventError`, and what `body` throws.
    func read(
        _ message: UnsafeRawBufferPointer, into fields: UnsafeMutablePointer<EventFields>,
        _ body: () throws(EventError) -> Void
    ) throws(EventError) {
        try parse(message)
        guard tree.nodes[0].kind == .object else {
            throw EventError(
                field: nil, reason: "is no object\(tree.nodes[0].kind == .array ? " but an array" : "")")
        }
        guard let root = try content() else { return }
        guard let lines = format.lines else {
            fields.pointee = try self.fields(of: root, in: root)
            return try body()
        }
        switch tree.find(lines, from: root) {
        case .ambiguous: throw EventError(field: lines.description, reason: "appears twice")
        case .absent:
            throw EventError(field: lines.description, reason: "missing: it is to hold the lines (events.lines)")
        case .found(let array):
            guard tree.nodes[array].kind == .array else {
                if tree.nodes[array].kind == .null { return }
                throw EventError(field: lines.description, reason: "must be an array of lines (events.lines)")
            }
            var failure: EventError?
            tree.forEachChild(of: array) { line in
                do throws(EventError) {
                    fields.pointee = try self.fields(of: line, in: root)
                    try body()
                } catch {
                    failure = error
                }
                return failure == nil
            }
            if let failure { throw failure }
        }
    }

    // MARK: Codecs

    /// Reads a message into `tree`.
    private func parse(_ message: UnsafeRawBufferPointer) throws(EventError) {
        var frame: MessageFrame?
        if format.framing == .confluent { frame = try MessageFrame(message) }
        let content = frame?.content ?? message
        guard format.codec != .json else { return try JSONTree.read(content, into: &tree, texts: texts) }
        switch try reader(frame?.schema) {
        case .json: try JSONTree.read(content, into: &tree, texts: texts)
        case .avro(let reader): try reader.read(content, into: &tree)
        case .protobuf(let reader, let schema):
            var place: (type: Int?, content: UnsafeRawBufferPointer) = (
                schema.message(named: format.messageName), content
            )
            if frame != nil {
                let (indices, rest) = try MessageFrame.protobufPlace(content)
                place = (schema.message(at: indices), rest)
            }
            guard let type = place.type else {
                throw EventError(field: nil, reason: "is of a message that its schema does not declare")
            }
            try reader.read(place.content, type: type, into: &tree)
        }
    }

    /// Whether messages of this schema can be read without asking anybody.
    func knowsSchema(_ number: UInt32) -> Bool { readers[number] != nil }

    /// The reader of messages of a schema in the registry, or else of the format's own.
    private func reader(_ number: UInt32?) throws(EventError) -> SchemaReader {
        if let latest, latest.number == number ?? 0 { return latest.reader }
        let reader = try newReader(number)
        latest = (number ?? 0, reader)
        return reader
    }

    private func newReader(_ number: UInt32?) throws(EventError) -> SchemaReader {
        guard let number else {
            guard let schema = format.schema else {
                throw EventError(field: nil, reason: "has no schema: set schema_registry.url or events.schema_file")
            }
            return reader(of: schema)
        }
        if let known = readers[number] { return known }
        guard let catalogue = format.catalogue else {
            throw EventError(
                field: nil, reason: "is of schema \(number) of a registry, which schema_registry.url does not name")
        }
        switch catalogue.lookup(number) {
        case .known(let schema):
            let reader = reader(of: schema)
            readers[number] = reader
            return reader
        case .refused(let reason):
            throw EventError(field: nil, reason: "cannot be read: \(reason)", isOfRegistry: true)
        case .awaited: throw EventError(field: nil, reason: "is of schema \(number), which is still being asked for")
        }
    }

    private func reader(of schema: MessageSchema) -> SchemaReader {
        switch schema.content {
        case .json: .json
        case .avro(let schema):
            .avro(AvroReader(schema, needed, texts: texts, localTime: LocalTime(format.timeZone) ?? .utc))
        case .protobuf(let schema): .protobuf(ProtobufReader(schema, needed, texts: texts), schema)
        }
    }

    // MARK: Envelopes

    /// The object that the paths begin at; `nil` for a message that says nothing that counts.
    private func content() throws(EventError) -> Int? {
        switch format.envelope {
        case .none: return 0
        case .connect:
            types.read(tree, root: 0)
            guard let payload = try member("payload", of: 0) else { throw isNone("Kafka Connect", "payload") }
            return tree.nodes[payload].kind == .null ? nil : payload
        case .cloudevents:
            guard try member("specversion", of: 0) != nil else { throw isNone("CloudEvents", "specversion") }
            if let data = try member("data", of: 0) { return tree.nodes[data].kind == .null ? nil : data }
            guard let data = try member("data_base64", of: 0) else { return nil }
            let bytes = try decoded(tree.nodes[data])
            try JSONTree.read(bytes, into: &tree, texts: texts)
            return 0
        case .debezium: return try row()
        }
    }

    /// The row after a change. A row that was inserted or read by a snapshot is an event. What was deleted was one when it was
    /// inserted, and stays so: a return is an event of its own.
    private func row() throws(EventError) -> Int? {
        types.read(tree, root: 0)
        var root = 0
        if let payload = try member("payload", of: 0), try member("op", of: 0) == nil { root = payload }
        if tree.nodes[root].kind == .null { return nil }
        guard let operation = try member("op", of: root) else { throw isNone("Debezium", "op") }
        switch Array(tree.nodes[operation].bytes) {
        case [UInt8(ascii: "c")], [UInt8(ascii: "r")]: break
        case [UInt8(ascii: "u")]: if format.updates == .ignore { return nil }
        case [UInt8(ascii: "d")], [UInt8(ascii: "t")], [UInt8(ascii: "m")]: return nil
        default: throw EventError(field: "op", reason: "is none of c, r, u, d, t and m")
        }
        guard let after = try member("after", of: root), tree.nodes[after].kind == .object else {
            throw EventError(field: "after", reason: "must be the row after the change")
        }
        return after
    }

    private func isNone(_ envelope: String, _ name: String) -> EventError {
        EventError(
            field: name,
            reason: "missing: the message has no \(envelope) envelope (events.envelope is \(format.envelope))")
    }

    private func member(_ name: StaticString, of node: Int) throws(EventError) -> Int? {
        guard tree.nodes[node].kind == .object else { return nil }
        var found: Int?
        var isRepeated = false
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        tree.forEachChild(of: node) { child in
            if tree.nodes[child].name.hasSameBytes(as: bytes) {
                isRepeated = found != nil
                found = child
            }
            return !isRepeated
        }
        if isRepeated { throw EventError(field: "\(name)", reason: "appears twice") }
        return found
    }

    private func decoded(_ node: MessageTree.Node) throws(EventError) -> UnsafeRawBufferPointer {
        guard let bytes = texts.base64(node.bytes) else {
            throw EventError(field: "data_base64", reason: "is no base64")
        }
        return bytes
    }

    // MARK: Fields

    /// The fields of one event: from the line, or else from the message that it is in.
    private func fields(of line: Int, in root: Int) throws(EventError) -> EventFields {
        var fields = EventFields()
        for (field, path) in paths {
            var place = path.isFromRoot ? .absent : tree.find(path, from: line)
            if case .absent = place, path.isFromRoot || line != root { place = tree.find(path, from: root) }
            switch place {
            case .absent: break
            case .ambiguous: throw EventError(field: path.description, reason: "appears twice")
            case .found(let node): fields[field] = try value(tree.nodes[node], field)
            }
        }
        return fields
    }

    private func value(_ node: MessageTree.Node, _ field: EventField) throws(EventError) -> EventFields.Value {
        switch node.kind {
        case .null: return EventFields.Value(.null, UnsafeRawBufferPointer(start: nil, count: 0))
        case .number: return try types.number(node.bytes, field, texts)
        case .instant: return EventFields.Value(.instant, node.bytes)
        case .string: return try types.text(node.bytes, field, format.decimalScale, texts)
        case .escapedString:
            return try types.text(texts.unescaped(node.bytes), field, format.decimalScale, texts)
        case .flag, .object, .array: return EventFields.Value(.other, node.bytes)
        }
    }
}
