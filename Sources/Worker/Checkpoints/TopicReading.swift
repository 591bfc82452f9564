import Customers
import Events

/// Puts together what a partition of the checkpoint topic says, record by record in the order of the topic.
struct TopicReading {
    private struct State {
        let root: UInt64
        let offset: Int64
        let parts: UInt64
        let bytes: [UInt8]
    }

    let wanted: RestoreRequest
    private var states: [[UInt8]: State] = [:]
    private var parts: [[UInt8]: State] = [:]
    private var grading: [UInt64: State] = [:]
    private var mark: (root: UInt64, header: CheckpointHeader)?
    /// The latest term met.
    private(set) var term: UInt64 = 0
    /// The last record that cannot be trusted, with the term of the next that can: terms never go down, so that only a line
    /// begun in a later one is whole for certain.
    private var damage: (term: UInt64?, error: StateError)?
    /// Bytes of all records.
    private var bytes = 0

    init(wanted: RestoreRequest) { self.wanted = wanted }

    func emptyTable() -> CustomerTable {
        CustomerTable(timeToLiveDays: wanted.timeToLiveDays, tracksChanges: true)
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
        case (TopicCheckpoints.gradingKind, nil): grading[try Self.number(name)] = nil
        case (TopicCheckpoints.gradingKind, let value?): grading[try Self.number(name)] = try state(key, value)
        case (TopicCheckpoints.markKey[0], nil): mark = nil
        case (TopicCheckpoints.stateKind, let value?): states[name] = try state(key, value)
        case (TopicCheckpoints.partKind, let value?): parts[name] = try state(key, value)
        case (TopicCheckpoints.markKey[0], let value?):
            mark = try open(key, value) { root, reader throws(StateError) in
                (root, try CheckpointHeader(decoding: &reader))
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
        try open(key, value) { root, reader throws(StateError) in
            let offset = try reader.signed()
            let parts = try reader.varint()
            return State(root: root, offset: offset, parts: parts, bytes: Array(try reader.take(reader.remaining)))
        }
    }

    /// Checks a value's checksum and term, and hands over what lies between.
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
        let term = try reader.word64()
        let root = try reader.word64()
        guard term >= self.term else {
            throw StateError("a former owner (term \(term)) wrote after a later one (term \(self.term))")
        }
        self.term = term
        if let damage, damage.term == nil { self.damage?.term = term }
        return try body(root, &reader)
    }

    /// The state that all of it comes to.
    /// - Throws: `StateError` when there is a checkpoint that cannot be used.
    func state() throws(StateError) -> RestoredState {
        var state = RestoredState(
            header: nil, table: emptyTable(), lineage: CheckpointLineage(term: term + 1, root: nil))
        if let damage, damage.term ?? .max >= mark?.root ?? 0 { throw damage.error }
        guard let mark else { return state }
        try wanted.check(mark.header)
        guard states.values.allSatisfy({ $0.root <= mark.root }) else {
            throw StateError("states of a later line stand under an earlier mark")
        }
        state.table.restore(clock: mark.header.clock)
        for (customerID, first) in states where first.root == mark.root {
            var bytes = first.bytes
            for part in 1..<max(first.parts, 1) {
                var key = ByteWriter()
                key.varint(part)
                guard let next = parts[key.bytes + customerID], next.offset == first.offset, next.root == first.root
                else { throw StateError("a part of a state is missing") }
                bytes += next.bytes
            }
            guard first.offset <= wanted.committed else {
                throw StateError("of offset \(first.offset), beyond the committed offset \(wanted.committed)")
            }
            try Self.restore(customerID, bytes, into: &state.table)
            if first.offset > mark.header.offset { state.ahead[customerID] = first.offset }
        }
        for (number, record) in grading where record.root == mark.root { state.grading[number] = record.bytes }
        state.header = mark.header
        state.bytes = bytes
        state.lineage.root = mark.root
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
