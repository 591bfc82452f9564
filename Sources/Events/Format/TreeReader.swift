/// Reads messages into trees, whatever they are written in: JSON, Avro or Protobuf, with a frame or without. Belongs to one
/// thread.
final class TreeReader {
    private let format: EventFormat
    private let texts: TextMemory
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

    /// - Parameters:
    ///   - needed: what is read of messages in Avro and Protobuf; all of JSON is.
    ///   - texts: keeps what is not in the messages as it is.
    init(_ format: EventFormat, _ needed: NeededValues, texts: TextMemory) {
        self.format = format
        self.needed = needed
        self.texts = texts
    }

    /// Replaces a tree by that of a message.
    /// - Throws: `EventError` for a message that is not in the format's codec and framing.
    /// - Complexity: O(bytes).
    func read(_ message: UnsafeRawBufferPointer, into tree: inout MessageTree) throws(EventError) {
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
}
