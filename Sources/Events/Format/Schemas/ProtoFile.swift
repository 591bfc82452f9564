/// What a `.proto` file declares, as far as reading messages needs it.
struct ProtoFile {
    /// A message type.
    struct Message {
        var name = ""
        var fields: [Field] = []
        var messages: [Message] = []
        var enums: [Enumeration] = []
        /// Whether it stands for the entries of a map.
        var isMapEntry = false
    }

    /// A field of a message.
    struct Field {
        enum Label: Equatable {
            case none, optional, required, repeated
        }

        var name = ""
        var number = 0
        var label = Label.none
        /// The type's name, in `.proto` syntax.
        var type = ""
        var isInOneof = false
    }

    /// An enum: names by number.
    struct Enumeration {
        var name = ""
        var values: [(name: String, number: Int32)] = []
    }

    var package = ""
    /// Whether a scalar field without a label has its default where the message lacks it.
    var isProto3 = false
    var messages: [Message] = []
    var enums: [Enumeration] = []
}

// MARK: Descriptors

/// Reading `FileDescriptorProto` (google/protobuf/descriptor.proto).
extension ProtoFile {
    /// The types of fields by their numbers in a descriptor; a message's and an enum's are named.
    private static let typeNames = [
        1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool",
        9: "string", 12: "bytes", 13: "uint32", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
    ]

    private static let depthLimit = 64

    /// Reads a serialised `FileDescriptorProto`.
    /// - Throws: `SchemaError` for bytes that are none.
    init(descriptor bytes: UnsafeRawBufferPointer) throws(SchemaError) {
        try Self.forEachField(bytes) { number, value throws(SchemaError) in
            switch number {
            case 2: package = value.text
            case 4: messages.append(try Self.message(value.bytes, depth: 0))
            case 5: enums.append(try Self.enumeration(value.bytes))
            case 12: isProto3 = value.text == "proto3"
            default: break
            }
        }
    }

    /// Reads a serialised `FileDescriptorSet`, as `protoc --include_imports --descriptor_set_out` writes it.
    static func files(descriptorSet bytes: UnsafeRawBufferPointer) throws(SchemaError) -> [ProtoFile] {
        var files: [ProtoFile] = []
        try forEachField(bytes) { number, value throws(SchemaError) in
            guard number == 1, value.isBytes else { throw SchemaError("is no set of file descriptors") }
            files.append(try ProtoFile(descriptor: value.bytes))
        }
        guard !files.isEmpty else { throw SchemaError("is no set of file descriptors: it is empty") }
        return files
    }

    private static func message(_ bytes: UnsafeRawBufferPointer, depth: Int) throws(SchemaError) -> Message {
        guard depth < depthLimit else { throw SchemaError("has messages nested deeper than \(depthLimit) levels") }
        var message = Message()
        try forEachField(bytes) { number, value throws(SchemaError) in
            switch number {
            case 1: message.name = value.text
            case 2: message.fields.append(try field(value.bytes))
            case 3: message.messages.append(try Self.message(value.bytes, depth: depth + 1))
            case 4: message.enums.append(try enumeration(value.bytes))
            case 7:
                try forEachField(value.bytes) { option, value throws(SchemaError) in
                    if option == 7 { message.isMapEntry = value.number != 0 }
                }
            default: break
            }
        }
        return message
    }

    private static func field(_ bytes: UnsafeRawBufferPointer) throws(SchemaError) -> Field {
        var field = Field()
        var isProto3Optional = false
        try forEachField(bytes) { number, value throws(SchemaError) in
            switch number {
            case 1: field.name = value.text
            case 3: field.number = Int(truncatingIfNeeded: value.number)
            case 4: field.label = value.number == 3 ? .repeated : value.number == 2 ? .required : .none
            case 5: if let name = typeNames[Int(truncatingIfNeeded: value.number)] { field.type = name }
            case 6: field.type = value.text
            case 9: field.isInOneof = true
            case 17: isProto3Optional = value.number != 0
            default: break
            }
        }
        if isProto3Optional { field.label = .optional }
        return field
    }

    private static func enumeration(_ bytes: UnsafeRawBufferPointer) throws(SchemaError) -> Enumeration {
        var enumeration = Enumeration()
        try forEachField(bytes) { number, value throws(SchemaError) in
            switch number {
            case 1: enumeration.name = value.text
            case 2:
                var entry = (name: "", number: Int32(0))
                try forEachField(value.bytes) { number, value throws(SchemaError) in
                    if number == 1 { entry.name = value.text }
                    if number == 2 { entry.number = Int32(truncatingIfNeeded: value.number) }
                }
                enumeration.values.append(entry)
            default: break
            }
        }
        return enumeration
    }

    private static func forEachField(
        _ bytes: UnsafeRawBufferPointer, _ body: (Int, WireValue) throws(SchemaError) -> Void
    ) throws(SchemaError) {
        var cursor = BinaryCursor(bytes, format: "Protobuf")
        while !cursor.isAtEnd {
            let number: Int
            let value: WireValue?
            do throws(EventError) {
                (number, value) = try cursor.wireField()
            } catch {
                throw SchemaError("is no file descriptor of Protobuf: \(error.reason)")
            }
            if let value { try body(number, value) }
        }
    }
}

/// A field's value as it is encoded.
struct WireValue {
    /// Of a number, its bits.
    var number: UInt64 = 0
    /// Of text, bytes, a message or packed numbers.
    var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    var isBytes = false

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension BinaryCursor {
    /// The next field of a message (https://protobuf.dev/programming-guides/encoding/).
    /// - Returns: its number, and its value unless it is a group, which is passed over.
    mutating func wireField() throws(EventError) -> (number: Int, value: WireValue?) {
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else { throw error("a field of an impossible number") }
        switch tag & 7 {
        case 0: return (Int(number), WireValue(number: try varint()))
        case 1: return (Int(number), WireValue(number: try word64()))
        case 2: return (Int(number), WireValue(bytes: try counted(try varint()), isBytes: true))
        case 3:
            try skipGroup(number)
            return (Int(number), nil)
        case 5: return (Int(number), WireValue(number: UInt64(try word32())))
        default: throw error("a value of an unknown kind")
        }
    }

    private mutating func skipGroup(_ number: UInt64) throws(EventError) {
        var open = [number]
        while let innermost = open.last {
            let tag = try varint()
            switch tag & 7 {
            case 0: _ = try varint()
            case 1: _ = try word64()
            case 2: _ = try counted(try varint())
            case 3: open.append(tag >> 3)
            case 4:
                guard tag >> 3 == innermost else { throw error("a group that ends as another one") }
                open.removeLast()
            case 5: _ = try word32()
            default: throw error("a value of an unknown kind")
            }
        }
    }
}
