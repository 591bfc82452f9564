import Customers
import Events

/// Puts a partition's state together from the records of its checkpoint topic, in the order of the topic.
struct TopicReading {
    private struct State {
        let baseEpoch: UInt64
        let offset: Int64
        let parts: UInt64
        let bytes: [UInt8]
    }

    let request: RestoreRequest
    private var states: [[UInt8]: State] = [:]
    private var parts: [[UInt8]: State] = [:]
    private var labelJoinRecords: [UInt64: State] = [:]
    private var manifest: (baseEpoch: UInt64, header: CheckpointHeader)?
    /// The latest owner epoch met.
    private(set) var ownerEpoch: UInt64 = 0
    /// The last corrupt record, with the owner epoch of the next valid one; only a base checkpoint of a later epoch is
    /// complete for certain.
    private var damage: (ownerEpoch: UInt64?, error: StateError)?
    /// Of all records.
    private var bytes = 0

    init(request: RestoreRequest) { self.request = request }

    func emptyTable() -> CustomerTable {
        CustomerTable(timeToLiveDays: request.timeToLiveDays, tracksChanges: true)
    }

    /// Takes the next record.
    mutating func take(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
        bytes += (key?.count ?? 0) + (value?.count ?? 0)
        do throws(StateError) {
            try place(key: key, value: value)
        } catch {
            damage = (nil, error)
        }
    }

    private mutating func place(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) throws(StateError) {
        guard let key, !key.isEmpty else { throw StateError("a record without a key: something else writes there") }
        let name = Array(key[1...])
        switch (key[0], value) {
        case (TopicCheckpoints.stateKind, nil): states[name] = nil
        case (TopicCheckpoints.partKind, nil): parts[name] = nil
        case (TopicCheckpoints.labelJoinKind, nil): labelJoinRecords[try Self.number(name)] = nil
        case (TopicCheckpoints.labelJoinKind, let value?):
            labelJoinRecords[try Self.number(name)] = try state(key, value)
        case (TopicCheckpoints.manifestKey[0], nil): manifest = nil
        case (TopicCheckpoints.stateKind, let value?): states[name] = try state(key, value)
        case (TopicCheckpoints.partKind, let value?): parts[name] = try state(key, value)
        case (TopicCheckpoints.manifestKey[0], let value?):
            manifest = try open(key, value) { baseEpoch, reader throws(StateError) in
                (baseEpoch, try CheckpointHeader(decoding: &reader))
            }
        default: throw StateError("a record of an unknown kind: something else writes there")
        }
    }

    private static func number(_ name: [UInt8]) throws(StateError) -> UInt64 {
        try name.withReader { reader throws(StateError) in try reader.varint() }
    }

    private mutating func state(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) throws(StateError) -> State {
        try open(key, value) { baseEpoch, reader throws(StateError) in
            let offset = try reader.signed()
            let parts = try reader.varint()
            return State(
                baseEpoch: baseEpoch, offset: offset, parts: parts, bytes: Array(try reader.take(reader.remaining)))
        }
    }

    /// Checks a value's checksum and owner epoch, and hands over its base epoch and what follows.
    private mutating func open<Result>(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ body: (UInt64, inout ByteReader) throws(StateError) -> Result
    ) throws(StateError) -> Result {
        guard value.count >= 24 else { throw StateError("a record of \(value.count) bytes") }
        let end = value.count - 8
        let content = UnsafeRawBufferPointer(rebasing: value[..<end])
        let checksum = UInt64(littleEndian: value.loadUnaligned(fromByteOffset: end, as: UInt64.self))
        guard contentHash(content, seed: contentHash(key)) == checksum else {
            throw StateError("damaged: a checksum does not fit")
        }
        var reader = ByteReader(content)
        let ownerEpoch = try reader.word64()
        let baseEpoch = try reader.word64()
        guard ownerEpoch >= self.ownerEpoch else {
            throw StateError(
                "a former owner (epoch \(ownerEpoch)) wrote after a later one (epoch \(self.ownerEpoch))")
        }
        self.ownerEpoch = ownerEpoch
        if let damage, damage.ownerEpoch == nil { self.damage?.ownerEpoch = ownerEpoch }
        return try body(baseEpoch, &reader)
    }

    /// The state that the records amount to.
    /// - Throws: `StateError` when there is a checkpoint that cannot be used.
    func state() throws(StateError) -> RestoredState {
        var state = RestoredState(
            header: nil, table: emptyTable(),
            lineage: CheckpointLineage(ownerEpoch: ownerEpoch + 1, baseEpoch: nil))
        if let damage, damage.ownerEpoch ?? .max >= manifest?.baseEpoch ?? 0 { throw damage.error }
        guard let manifest else { return state }
        try request.check(manifest.header)
        guard states.values.allSatisfy({ $0.baseEpoch <= manifest.baseEpoch }) else {
            throw StateError("states of a later base checkpoint stand under an earlier manifest")
        }
        state.table.restore(clock: manifest.header.clock)
        for (customerID, first) in states where first.baseEpoch == manifest.baseEpoch {
            var bytes = first.bytes
            for part in 1..<max(first.parts, 1) {
                var key = ByteWriter()
                key.varint(part)
                guard let next = parts[key.bytes + customerID], next.offset == first.offset,
                    next.baseEpoch == first.baseEpoch
                else { throw StateError("a part of a state is missing") }
                bytes += next.bytes
            }
            guard first.offset <= request.committed else {
                throw StateError("of offset \(first.offset), beyond the committed offset \(request.committed)")
            }
            try Self.restore(customerID, bytes, into: &state.table)
            if first.offset > manifest.header.offset { state.perKeyOffsets[customerID] = first.offset }
        }
        for (number, record) in labelJoinRecords where record.baseEpoch == manifest.baseEpoch {
            state.labelJoinRecords[number] = record.bytes
        }
        state.header = manifest.header
        state.bytes = bytes
        state.lineage.baseEpoch = manifest.baseEpoch
        return state
    }

    private static func restore(
        _ customerID: [UInt8], _ bytes: [UInt8], into table: inout CustomerTable
    ) throws(StateError) {
        var record = ByteWriter()
        customerID.withUnsafeBytes { record.counted($0) }
        bytes.withUnsafeBytes { record.counted($0) }
        try record.bytes.withReader { reader throws(StateError) in _ = try table.restore(from: &reader) }
    }
}
