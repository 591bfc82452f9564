/// Reads messages in Protobuf's binary encoding into trees (https://protobuf.dev/programming-guides/encoding/), as far as their
/// values are needed. Belongs to one thread.
///
/// A field that the message lacks has its default, as every reader of Protobuf has it, or no value where it has presence.
final class ProtobufReader {
    private let schema: ProtobufSchema
    private let needed: NeededValues
    private let texts: TextMemory
    /// The fields of the messages that are being read, in the order of the bytes.
    private var entries: [Entry] = []
    /// For each field of those messages, its first and its last entry; −1 is none.
    private var chains: [(first: Int, last: Int)] = []
    /// For each place and message, what is read of it; made when it is first met.
    private var plans: [Plan?]

    private struct Entry {
        let value: WireValue
        /// The field's next one; −1 at the end.
        var next: Int
    }

    /// What is read of a message at a place.
    private final class Plan {
        let fields: [ProtobufSchema.Field]
        /// Of each field, the place of its value.
        let places: [Int]
        let meaning: ProtobufSchema.Meaning
        private let low: [Int]
        private let high: [Int: Int]

        init(_ message: ProtobufSchema.Message, _ needed: NeededValues, _ place: Int) {
            meaning = message.meaning
            let isWhole = meaning != .none || message.isMapEntry
            let all = message.fields.map { ($0, isWhole ? place : needed.member($0.name, of: place)) }
            let wanted = all.filter { $0.1 != NeededValues.nothing }
            fields = wanted.map(\.0)
            places = wanted.map(\.1)
            var low = [Int](repeating: -1, count: 128)
            var high: [Int: Int] = [:]
            for (index, field) in fields.enumerated() {
                if field.number < low.count { low[field.number] = index } else { high[field.number] = index }
            }
            (self.low, self.high) = (low, high)
        }

        /// The field of a number, −1 if it is not read.
        func index(of number: Int) -> Int { number < low.count ? low[number] : high[number] ?? -1 }
    }

    private static let flags = (false: StaticText("false"), true: StaticText("true"))

    init(_ schema: ProtobufSchema, _ needed: NeededValues, texts: TextMemory) {
        self.schema = schema
        self.needed = needed
        self.texts = texts
        plans = Array(repeating: nil, count: needed.count * schema.messages.count)
    }

    private func plan(_ type: Int, _ place: Int) -> Plan {
        let index = place * schema.messages.count + type
        if let known = plans[index] { return known }
        let plan = Plan(schema.messages[type], needed, place)
        plans[index] = plan
        return plan
    }

    /// Replaces a tree by that of a message.
    /// - Parameter type: the number of its type.
    /// - Throws: `EventError` for bytes that are no such message.
    /// - Complexity: O(bytes + fields).
    func read(_ message: UnsafeRawBufferPointer, type: Int, into tree: inout MessageTree) throws(EventError) {
        tree.removeAll()
        entries.removeAll(keepingCapacity: true)
        chains.removeAll(keepingCapacity: true)
        try self.message(message, plan(type, NeededValues.root), name: .empty, depth: 0, into: &tree)
        // A message that stands for one value is none with fields.
        if tree.nodes.isEmpty { tree.append(.null, name: .empty, .empty) }
    }

    private func message(
        _ bytes: UnsafeRawBufferPointer, _ plan: Plan, name: UnsafeRawBufferPointer, depth: Int,
        into tree: inout MessageTree
    ) throws(EventError) {
        guard depth < JSONCursor.depthLimit else {
            throw EventError(
                field: nil, reason: "not Protobuf of this schema: nested deeper than \(JSONCursor.depthLimit) levels")
        }
        try tree.checkSize()
        let (firstEntry, firstChain) = (entries.count, chains.count)
        defer {
            entries.removeLast(entries.count - firstEntry)
            chains.removeLast(chains.count - firstChain)
        }
        try collect(bytes, plan, firstChain)
        switch plan.meaning {
        case .none: break
        case .wrapper:
            return try value(plan, 0, chains[firstChain].last, name: name, depth: depth, into: &tree)
        case .timestamp, .money, .decimal: return try one(plan.meaning, firstChain, name: name, into: &tree)
        }
        let index = tree.open(.object, name: name)
        for (place, field) in plan.fields.enumerated() {
            let chain = chains[firstChain + place]
            if field.isRepeated {
                try repeated(plan, place, chain.first, depth: depth, into: &tree)
            } else if chain.last >= 0 || !field.hasPresence {
                // Of several, the last one counts; messages are merged.
                if case .message = field.shape, chain.first != chain.last { merge(chain) }
                try value(plan, place, chain.last, name: field.name, depth: depth, into: &tree)
            } else {
                tree.append(.null, name: field.name, .empty)
            }
        }
        tree.close(index)
    }

    /// Notes where the needed fields of a message are.
    private func collect(_ bytes: UnsafeRawBufferPointer, _ plan: Plan, _ firstChain: Int) throws(EventError) {
        for _ in plan.fields { chains.append((-1, -1)) }
        var cursor = BinaryCursor(bytes, format: "Protobuf")
        while !cursor.isAtEnd {
            let (number, value) = try cursor.wireField()
            let place = plan.index(of: number)
            guard let value, place >= 0 else { continue }
            entries.append(Entry(value: value, next: -1))
            let chain = firstChain + place
            if chains[chain].last >= 0 {
                entries[chains[chain].last].next = entries.count - 1
            } else {
                chains[chain].first = entries.count - 1
            }
            chains[chain].last = entries.count - 1
        }
    }

    /// Makes the last entry of a message hold all of them: their bytes one behind the other are those of the merged message.
    private func merge(_ chain: (first: Int, last: Int)) {
        var bytes: [UInt8] = []
        var at = chain.first
        while at >= 0 {
            bytes += entries[at].value.bytes
            at = entries[at].next
        }
        let isBytes = entries[chain.last].value.isBytes
        entries[chain.last] = Entry(value: WireValue(bytes: texts.copy(bytes), isBytes: isBytes), next: -1)
    }

    private func repeated(
        _ plan: Plan, _ index: Int, _ first: Int, depth: Int, into tree: inout MessageTree
    ) throws(EventError) {
        let field = plan.fields[index]
        var entryPlan: Plan?
        if case .message(let type) = field.shape, schema.messages[type].isMapEntry {
            entryPlan = self.plan(type, plan.places[index])
        }
        let open = tree.open(entryPlan == nil ? .array : .object, name: field.name)
        var at = first
        while at >= 0 {
            let entry = entries[at]
            if let entryPlan {
                try mapEntry(entry.value.bytes, entryPlan, depth: depth, into: &tree)
            } else if entry.value.isBytes, let width = Self.packedWidth(field.shape) {
                try unpack(entry.value.bytes, width, field.shape, into: &tree)
            } else {
                try value(plan, index, at, name: .empty, isElement: true, depth: depth, into: &tree)
            }
            at = entry.next
        }
        tree.close(open)
    }

    private func mapEntry(
        _ bytes: UnsafeRawBufferPointer, _ plan: Plan, depth: Int, into tree: inout MessageTree
    ) throws(EventError) {
        let (firstEntry, firstChain) = (entries.count, chains.count)
        defer {
            entries.removeLast(entries.count - firstEntry)
            chains.removeLast(chains.count - firstChain)
        }
        guard plan.fields.count == 2 else { return }
        try tree.checkSize()
        try collect(bytes, plan, firstChain)
        // The key, read as a value, has the text that is the member's name.
        var key = MessageTree()
        try value(plan, 0, chains[firstChain].last, name: .empty, depth: depth, into: &key)
        let place = needed.member(key.nodes[0].bytes, of: plan.places[1])
        guard place != NeededValues.nothing else { return }
        try value(
            plan, 1, chains[firstChain + 1].last, name: key.nodes[0].bytes, at: place, depth: depth, into: &tree)
    }

    /// Bytes of each packed number; 0 for those of varying length, `nil` for what is not packed.
    private static func packedWidth(_ shape: ProtobufSchema.Shape) -> Int? {
        switch shape {
        case .string, .bytes, .message, .opaque: nil
        case .double, .fixed64, .sfixed64: 8
        case .float, .fixed32, .sfixed32: 4
        default: 0
        }
    }

    private func unpack(
        _ bytes: UnsafeRawBufferPointer, _ width: Int, _ shape: ProtobufSchema.Shape, into tree: inout MessageTree
    ) throws(EventError) {
        var cursor = BinaryCursor(bytes, format: "Protobuf")
        while !cursor.isAtEnd {
            let number =
                width == 8 ? try cursor.word64() : width == 4 ? UInt64(try cursor.word32()) : try cursor.varint()
            append(number, shape, name: .empty, into: &tree)
        }
    }

    // MARK: Values

    /// Appends a field's value.
    /// - Parameters:
    ///   - index: the field's in the plan.
    ///   - entry: −1 for the default.
    ///   - isElement: whether it is one of several.
    ///   - place: of the value, where it is not the field's.
    private func value(
        _ plan: Plan, _ index: Int, _ entry: Int, name: UnsafeRawBufferPointer, isElement: Bool = false,
        at place: Int? = nil, depth: Int, into tree: inout MessageTree
    ) throws(EventError) {
        let field = plan.fields[index]
        let value = entry >= 0 ? entries[entry].value : WireValue()
        if case .opaque = field.shape { return tree.append(.flag, name: name, .empty) }
        let mustBeBytes = Self.packedWidth(field.shape) == nil
        if entry >= 0, value.isBytes != mustBeBytes {
            throw EventError(
                field: String(decoding: field.name, as: UTF8.self),
                reason: "is encoded as another type than the schema says: is it the schema of this topic?")
        }
        switch field.shape {
        case .message(let type):
            let own = place ?? plan.places[index]
            let place = isElement ? needed.element(of: own) : own
            if place == NeededValues.nothing { return tree.append(.null, name: name, .empty) }
            try message(value.bytes, self.plan(type, place), name: name, depth: depth + 1, into: &tree)
        case .string:
            guard isValidUTF8(value.bytes) else {
                throw EventError(field: String(decoding: field.name, as: UTF8.self), reason: "is no UTF-8")
            }
            tree.append(.string, name: name, value.bytes)
        case .bytes: tree.append(binary: value.bytes, name: name)
        default: append(value.number, field.shape, name: name, into: &tree)
        }
    }

    private func append(
        _ bits: UInt64, _ shape: ProtobufSchema.Shape, name: UnsafeRawBufferPointer, into tree: inout MessageTree
    ) {
        func integer(_ value: Int64) { tree.append(.number, name: name, texts.integer(value)) }
        switch shape {
        case .double: tree.append(Double(bitPattern: bits), name: name, texts)
        case .float: tree.append(Float(bitPattern: UInt32(truncatingIfNeeded: bits)), name: name, texts)
        case .int32, .sfixed32: integer(Int64(Int32(truncatingIfNeeded: bits)))
        case .int64, .sfixed64: integer(Int64(bitPattern: bits))
        case .uint32, .fixed32: integer(Int64(UInt32(truncatingIfNeeded: bits)))
        case .uint64, .fixed64: tree.append(.number, name: name, texts.copy(String(bits).utf8))
        case .sint32, .sint64: integer(Int64(bitPattern: bits >> 1) ^ (0 - Int64(bitPattern: bits & 1)))
        case .bool: tree.append(.flag, name: name, bits == 0 ? Self.flags.false.bytes : Self.flags.true.bytes)
        case .enumeration(let type):
            let number = Int32(truncatingIfNeeded: bits)
            if let symbol = schema.enums[type][number] {
                tree.append(.string, name: name, symbol)
            } else {
                integer(Int64(number))
            }
        case .string, .bytes, .message, .opaque: break
        }
    }

    /// Appends the one value that a standard type stands for.
    private func one(
        _ meaning: ProtobufSchema.Meaning, _ chain: Int, name: UnsafeRawBufferPointer, into tree: inout MessageTree
    ) throws(EventError) {
        func number(_ place: Int) -> Int64 {
            let entry = chains[chain + place].last
            return entry < 0 ? 0 : Int64(bitPattern: entries[entry].value.number)
        }
        switch meaning {
        case .timestamp:
            let (product, overflow) = number(0).multipliedReportingOverflow(by: 1000)
            let instant = overflow ? Int64.max : product &+ number(1) / 1_000_000
            tree.append(.instant, name: name, texts.integer(instant))
        case .money:
            let (units, nanos) = (number(1), number(2))
            let digits = String(nanos.magnitude % 1_000_000_000)
            let sign = units < 0 || nanos < 0 ? "-" : ""
            let text = "\(sign)\(units.magnitude).\(String(repeating: "0", count: 9 - digits.count))\(digits)"
            tree.append(.number, name: name, texts.copy(text.utf8))
        case .decimal:
            let entry = chains[chain].last
            let bytes = entry < 0 ? .empty : entries[entry].value.bytes
            guard let scale = Int(exactly: number(2)), let text = Decimal128.text(bytes, scale: scale, texts) else {
                throw EventError(field: nil, reason: "has a decimal of \(bytes.count) bytes, which must have 1 to 16")
            }
            tree.append(.number, name: name, text)
        case .none, .wrapper: break
        }
    }
}
