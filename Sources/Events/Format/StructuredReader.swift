/// Takes events' fields out of messages that are more than flat JSON: nested values, envelopes, orders with lines, Avro and
/// Protobuf. Belongs to one thread.
final class StructuredReader {
    private let format: EventFormat
    private let texts: TextMemory
    private let paths: [(field: EventField, path: FieldPath)]
    private let trees: TreeReader
    private(set) var tree = MessageTree()
    private var types: SchemaTypes

    /// - Parameter readsEverything: whether also what the format does not ask for is read of messages in Avro and Protobuf.
    init(_ format: EventFormat, texts: TextMemory, readsEverything: Bool = false) {
        self.format = format
        self.texts = texts
        paths = EventField.allCases.compactMap { field in
            FieldPath(format.fields[field]).map { (field, $0) }
        }
        let needed = readsEverything ? NeededValues.everything : NeededValues(format, paths: paths.map(\.path))
        trees = TreeReader(format, needed, texts: texts)
        types = SchemaTypes(envelope: format.envelope, lines: format.lines, paths: paths)
    }

    /// Reads a message, writes the fields of each of its events in order, and calls `body` for each.
    /// - Throws: `EventError`, and what `body` throws.
    func read(
        _ message: UnsafeRawBufferPointer, into fields: UnsafeMutablePointer<EventFields>,
        _ body: () throws(EventError) -> Void
    ) throws(EventError) {
        guard let root = try readContent(message) else { return }
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

    /// Whether messages of this schema can be read without asking anybody.
    func knowsSchema(_ number: UInt32) -> Bool { trees.knowsSchema(number) }

    /// Reads a message into `tree`.
    /// - Returns: the object that the paths begin at; `nil` for a message that says nothing that counts.
    func readContent(_ message: UnsafeRawBufferPointer) throws(EventError) -> Int? {
        try trees.read(message, into: &tree)
        guard tree.nodes[0].kind == .object else {
            throw EventError(
                field: nil, reason: "is no object\(tree.nodes[0].kind == .array ? " but an array" : "")")
        }
        return try content()
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
