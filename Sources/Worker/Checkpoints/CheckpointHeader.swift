import Customers
import Events
import Kafka
import Pipeline

/// What a checkpoint says of itself: of which partition, at which committed offset, made how.
package struct CheckpointHeader: Equatable, Sendable {
    let partition: TopicPartition
    /// Offset of the first message that the state does not hold.
    let offset: Int64
    /// Of everything that the state's bytes depend on beside the events; a state with another one cannot be used.
    let stateFingerprint: UInt64
    /// Of how messages were decoded.
    let decoderFingerprint: UInt64
    /// From this offset on, messages were decoded that way.
    let decodedFrom: Int64
    /// Events are missing from the state, because the log had been cut.
    let isIncomplete: Bool
    let clock: PartitionClock
    let customers: Int
    /// Schemas of the registry that messages at this offset may be written by, so that they can be read again without it.
    let schemas: [NumberedSchema]

    /// Version of the header's own layout.
    private static let version: UInt64 = 1

    func encode(into writer: inout ByteWriter) {
        writer.varint(Self.version)
        writer.counted(partition.topic)
        writer.signed(Int64(partition.partition))
        writer.signed(offset)
        writer.word64(stateFingerprint)
        writer.word64(decoderFingerprint)
        writer.signed(decodedFrom)
        writer.varint(isIncomplete ? 1 : 0)
        clock.encode(into: &writer)
        writer.varint(UInt64(customers))
        for schema in schemas { schema.encode(into: &writer) }
    }

    init(decoding reader: inout ByteReader) throws(StateError) {
        let version = try reader.varint()
        guard version == Self.version else { throw StateError("layout \(version), this program's is \(Self.version)") }
        let topic = try reader.text()
        guard let number = Int32(exactly: try reader.signed()), number >= 0 else {
            throw StateError("no number of a partition")
        }
        partition = TopicPartition(topic: topic, partition: number)
        offset = try reader.signed()
        guard offset >= 0 else { throw StateError("an offset below 0") }
        stateFingerprint = try reader.word64()
        decoderFingerprint = try reader.word64()
        decodedFrom = try reader.signed()
        isIncomplete = try reader.varint() != 0
        clock = try PartitionClock(decoding: &reader)
        guard let customers = Int(exactly: try reader.varint()) else { throw StateError("too many customers") }
        self.customers = customers
        var schemas: [NumberedSchema] = []
        while !reader.isAtEnd { schemas.append(try NumberedSchema(decoding: &reader)) }
        self.schemas = schemas
    }

    /// - Parameter customers: how many there are in the state.
    package init(
        partition: TopicPartition, offset: Int64, stateFingerprint: UInt64, decoderFingerprint: UInt64,
        decodedFrom: Int64, isIncomplete: Bool, clock: PartitionClock, customers: Int, schemas: [NumberedSchema] = []
    ) {
        self.partition = partition
        self.offset = offset
        self.stateFingerprint = stateFingerprint
        self.decoderFingerprint = decoderFingerprint
        self.decodedFrom = decodedFrom
        self.isIncomplete = isIncomplete
        self.clock = clock
        self.customers = customers
        self.schemas = schemas
    }

    init(
        of task: PartitionTask, decoderFingerprint: UInt64, timeToLiveDays: Int, schemas: [NumberedSchema] = []
    ) {
        self.schemas = schemas
        partition = task.partition
        offset = task.position
        stateFingerprint = Self.stateFingerprint(timeToLiveDays: timeToLiveDays)
        self.decoderFingerprint = decoderFingerprint
        decodedFrom = task.state.decoderStartOffset
        isIncomplete = task.state.isIncomplete
        clock = task.state.table.clock
        customers = task.state.table.count
    }

    /// Stands for everything that a state's bytes depend on beside the events.
    package static func stateFingerprint(timeToLiveDays: Int) -> UInt64 {
        contentHash(
            of: "state \(CustomerState.codecVersion), windows \(Windows.days), time to live \(timeToLiveDays) days")
    }

    /// Stands for how messages are decoded.
    package static func decoderFingerprint(_ format: EventFormat) -> UInt64 { contentHash(of: format.fingerprint) }
}

/// Number, codec, text, then how many references and each (counted).
extension NumberedSchema {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(number))
        writer.counted(source.codec.rawValue)
        source.text.withUnsafeBytes { writer.counted($0) }
        writer.varint(UInt64(source.references.count))
        for reference in source.references { reference.withUnsafeBytes { writer.counted($0) } }
    }

    fileprivate init(decoding reader: inout ByteReader) throws(StateError) {
        guard let number = UInt32(exactly: try reader.varint()), let codec = MessageCodec(rawValue: try reader.text())
        else { throw StateError("an impossible schema") }
        let text = Array(try reader.counted())
        var references: [[UInt8]] = []
        for _ in 0..<(try reader.count(ofAtLeast: 1)) { references.append(Array(try reader.counted())) }
        self.init(number: number, source: SchemaSource(codec: codec, text: text, references: references))
    }
}
