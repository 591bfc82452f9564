/// A message as a Schema Registry's serializer frames it
/// (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format).
struct MessageFrame {
    /// The number of the schema that the message is written by.
    let schema: UInt32
    /// What is behind the frame.
    let content: UnsafeRawBufferPointer

    /// - Throws: `EventError` for a message without a frame.
    init(_ message: UnsafeRawBufferPointer) throws(EventError) {
        guard message.count >= 5, message[0] == 0 else {
            let found = message.first.map { "begins with byte \($0)" } ?? "is empty"
            throw EventError(
                field: nil,
                reason: "has no Schema Registry frame, a zero byte and a schema's number: it \(found) "
                    + "(events.framing is confluent)")
        }
        schema = UInt32(bigEndian: message.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        content = UnsafeRawBufferPointer(rebasing: message[5...])
    }

    /// Which message of the schema's file a Protobuf message is, and its content. A single zero stands for the first one.
    static func protobufPlace(
        _ content: UnsafeRawBufferPointer
    ) throws(EventError) -> (indices: [Int], content: UnsafeRawBufferPointer) {
        var cursor = BinaryCursor(content, format: "Protobuf")
        let count = try cursor.zigzag()
        guard (0...16).contains(count) else { throw cursor.error("no place of a message in its file") }
        var indices: [Int] = []
        for _ in 0..<count { indices.append(Int(try cursor.zigzag())) }
        return (count == 0 ? [0] : indices, try cursor.take(cursor.remaining))
    }
}
