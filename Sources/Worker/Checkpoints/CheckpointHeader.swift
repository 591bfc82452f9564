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
    /// Events that are missing from the state.
    let gap: StateGap?
    /// The latest message that the state holds; `nil` where that is not known, as of checkpoints before version 2.
    let mark: LogMark?
    /// How many partitions the topic had when the state was begun; `nil` where that is not known.
    let partitions: Int?
    /// How far the schedule was; `nil` where there was none.
    let rescored: RescoringSchedule.Cursor?
    let clock: PartitionClock
    let customers: Int
    /// Schemas of the registry that messages at this offset may be written by, so that they can be read again without it.
    let schemas: [NumberedSchema]

    /// Version of the header's own layout. The first one had neither mark nor partitions, nor the time of a gap; the second no
    /// schedule.
    private static let version: UInt64 = 3

    func encode(into writer: inout ByteWriter) {
        // What has no schedule stays readable for the version before.
        writer.varint(rescored == nil ? 2 : Self.version)
        writer.counted(partition.topic)
        writer.signed(Int64(partition.partition))
        writer.signed(offset)
        writer.word64(stateFingerprint)
        writer.word64(decoderFingerprint)
        writer.signed(decodedFrom)
        writer.varint(gap == nil ? 0 : 1)
        writer.signed(gap?.since ?? -1)
        writer.varint(mark == nil ? 0 : 1)
        if let mark {
            writer.signed(mark.offset)
            writer.signed(mark.timestamp)
            writer.word64(mark.hash)
        }
        writer.varint(UInt64(partitions ?? 0))
        if let rescored {
            writer.varint(UInt64(rescored.bucket))
            writer.signed(rescored.instant)
        }
        clock.encode(into: &writer)
        writer.varint(UInt64(customers))
        for schema in schemas { schema.encode(into: &writer) }
    }

    init(decoding reader: inout ByteReader) throws(StateError) {
        let version = try reader.varint()
        guard (1...Self.version).contains(version) else {
            throw StateError("layout \(version), this program's is \(Self.version)")
        }
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
        let isIncomplete = try reader.varint() != 0
        let since = version == 1 ? -1 : try reader.signed()
        gap = isIncomplete ? StateGap(since: since >= 0 ? since : nil) : nil
        if version > 1, try reader.varint() != 0 {
            mark = LogMark(
                offset: try reader.signed(), timestamp: try reader.signed(), hash: try reader.word64())
        } else {
            mark = nil
        }
        guard let count = Int(exactly: version == 1 ? 0 : try reader.varint()) else {
            throw StateError("too many partitions")
        }
        partitions = count > 0 ? count : nil
        rescored = version < 3 ? nil : try Self.cursor(&reader)
        clock = try PartitionClock(decoding: &reader)
        guard let customers = Int(exactly: try reader.varint()) else { throw StateError("too many customers") }
        self.customers = customers
        var schemas: [NumberedSchema] = []
        while !reader.isAtEnd { schemas.append(try NumberedSchema(decoding: &reader)) }
        self.schemas = schemas
    }

    private static func cursor(_ reader: inout ByteReader) throws(StateError) -> RescoringSchedule.Cursor {
        let (bucket, instant) = (try reader.varint(), try reader.signed())
        // The next instant may lie behind the last one that an event can have.
        guard bucket < UInt64(RescoringSchedule.buckets), (0...EventTime.latest * 2).contains(instant) else {
            throw StateError("an impossible place in the schedule")
        }
        return RescoringSchedule.Cursor(instant: instant, bucket: Int(bucket))
    }

    /// - Parameter customers: how many there are in the state.
    package init(
        partition: TopicPartition, offset: Int64, stateFingerprint: UInt64, decoderFingerprint: UInt64,
        decodedFrom: Int64, gap: StateGap? = nil, mark: LogMark? = nil, partitions: Int? = nil,
        rescored: RescoringSchedule.Cursor? = nil, clock: PartitionClock, customers: Int, schemas: [NumberedSchema] = []
    ) {
        self.rescored = rescored
        self.partition = partition
        self.offset = offset
        self.stateFingerprint = stateFingerprint
        self.decoderFingerprint = decoderFingerprint
        self.decodedFrom = decodedFrom
        self.gap = gap
        self.mark = mark
        self.partitions = partitions
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
        gap = task.state.gap
        mark = task.state.mark
        partitions = task.partitionCount
        rescored = task.state.rescoring?.cursor
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
