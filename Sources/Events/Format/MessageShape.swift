/// What a message that is no event looks like, and the setting that would read it.
enum MessageShape {
    /// A sentence to go on an error with; empty where nothing is recognised.
    /// - Complexity: O(bytes): it is looked at only when a message has been refused.
    static func hint(_ message: UnsafeRawBufferPointer, _ format: EventFormat) -> String {
        if format.framing == .none, message.count > 5, message[0] == 0 {
            return ": it begins with a zero byte and a number, as Schema Registry's serializers frame messages: set "
                + "events.framing to confluent, events.codec to json, avro or protobuf, and schema_registry.url"
        }
        let texts = TextMemory()
        var tree = MessageTree()
        guard (try? JSONTree.read(message, into: &tree, texts: texts)) != nil, tree.nodes[0].kind == .object else {
            return ""
        }
        if format.envelope == .none, let envelope = envelope(of: tree) {
            return ": it looks like an envelope of \(envelope.name): set events.envelope to \(envelope.value.rawValue)"
        }
        if format.lines == nil, let lines = lines(of: tree) {
            return ": \(lines) is an array of objects: if it holds the lines of an order, set events.lines to \(lines)"
        }
        return ""
    }

    /// The envelope that a message looks like.
    static func envelope(of tree: MessageTree) -> (name: String, value: EventFormat.Envelope)? {
        func has(_ path: String) -> Bool {
            if case .found = tree.find(FieldPath(path).unsafelyUnwrapped, from: 0) { true } else { false }
        }
        if has("op"), has("after") || has("before") { return ("Debezium", .debezium) }
        if has("payload.op"), has("payload.after") || has("payload.before") { return ("Debezium", .debezium) }
        if has("payload"), has("schema") { return ("Kafka Connect", .connect) }
        if has("specversion"), has("data") || has("data_base64") { return ("CloudEvents", .cloudevents) }
        return nil
    }

    /// The path of the first array of objects, in the message or in an object in it.
    private static func lines(of tree: MessageTree) -> String? {
        var found: String?
        func search(_ index: Int, _ path: [String]) {
            tree.forEachChild(of: index) { child in
                let node = tree.nodes[child]
                let name = FieldPath.escaped(String(decoding: node.name, as: UTF8.self))
                if node.kind == .array, child + 1 < node.end, tree.nodes[child + 1].kind == .object {
                    found = (path + [name]).joined(separator: ".")
                } else if node.kind == .object, path.count < 3 {
                    search(child, path + [name])
                }
                return found == nil
            }
        }
        search(0, [])
        return found
    }
}
