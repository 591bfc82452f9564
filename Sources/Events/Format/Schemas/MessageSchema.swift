import Foundation

/// What messages are written in.
package enum MessageCodec: String, CaseIterable, Sendable {
    /// JSON text.
    case json
    /// Apache Avro's binary encoding.
    case avro
    /// Protocol Buffers.
    case protobuf
}

/// What stands before the content of a message.
package enum MessageFraming: String, CaseIterable, Sendable {
    /// Nothing.
    case none
    /// The number of the schema in a Schema Registry, as Confluent's serializers write it: a zero byte and four bytes, the
    /// highest first; in Protobuf also which message of the schema's file it is.
    case confluent
}

/// A schema as it was published: its text, and those of the schemas that it refers to.
package struct SchemaSource: Sendable, Equatable {
    /// What it is a schema of.
    package let codec: MessageCodec
    /// Avro: JSON. Protobuf: a `.proto` file's text, a `FileDescriptorSet`, or a `FileDescriptorProto` in base64.
    package let text: [UInt8]
    /// Each behind those that it refers to itself.
    package let references: [[UInt8]]

    /// A schema of these texts.
    package init(codec: MessageCodec, text: [UInt8], references: [[UInt8]] = []) {
        self.codec = codec
        self.text = text
        self.references = references
    }
}

/// A schema, ready to read messages by.
package final class MessageSchema: Sendable, Equatable {
    enum Content {
        case json
        case avro(AvroSchema)
        case protobuf(ProtobufSchema)
    }

    /// What it was made from.
    package let source: SchemaSource
    let content: Content

    /// - Throws: `SchemaError` with what is wrong with the schema.
    package init(_ source: SchemaSource) throws(SchemaError) {
        self.source = source
        switch source.codec {
        case .json: content = .json
        case .avro: content = .avro(try AvroSchema(source.text, references: source.references))
        case .protobuf:
            var files: [ProtoFile] = []
            for text in source.references + [source.text] { files += try Self.protoFiles(text) }
            content = .protobuf(try ProtobufSchema(files))
        }
    }

    /// Equal for equal sources.
    package static func == (a: MessageSchema, b: MessageSchema) -> Bool { a.source == b.source }

    /// What is wrong with the name of a Protobuf message; `nil` if the schema has it.
    package func refusal(ofMessage name: String) -> String? {
        guard case .protobuf(let schema) = content, schema.message(named: name) == nil else { return nil }
        return "has no message \(name); it declares \(schema.ownMessages.joined(separator: ", "))"
    }

    private static func protoFiles(_ text: [UInt8]) throws(SchemaError) -> [ProtoFile] {
        if let descriptor = Data(base64Encoded: Data(text)), !descriptor.isEmpty {
            return [
                try [UInt8](descriptor).withBytes { bytes throws(SchemaError) in try ProtoFile(descriptor: bytes) }
            ]
        }
        // A descriptor set begins with the tag of its first file; no text begins with a line feed and a binary length.
        if text.first == 0x0A, text.contains(where: { $0 < 9 }) {
            return try text.withBytes { bytes throws(SchemaError) in try ProtoFile.files(descriptorSet: bytes) }
        }
        return [try ProtoFile(text: text)]
    }
}

extension [UInt8] {
    /// Gives access to the bytes, with a typed error.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var result: Swift.Result<Result, Failure>?
        withUnsafeBytes { bytes in
            do throws(Failure) { result = .success(try body(bytes)) } catch { result = .failure(error) }
        }
        return try result.unsafelyUnwrapped.get()
    }
}
