/// Reads messages in Avro's binary encoding into trees, as far as their values are needed. Belongs to one thread.
final class AvroReader {
    private let schema: AvroSchema
    private let needed: NeededValues
    private let texts: TextMemory
    private let localTime: LocalTime
    /// For each place and record, the places of its fields; found when they are first met.
    private var plans: [[Int]?]
    /// Values of the message so far.
    private var steps = 0
    /// Most values of a message, those that are passed over too.
    private static let stepLimit = 4_000_000

    /// - Parameter localTime: of times that do not say where.
    init(_ schema: AvroSchema, _ needed: NeededValues, texts: TextMemory, localTime: LocalTime) {
        self.schema = schema
        self.needed = needed
        self.texts = texts
        self.localTime = localTime
        plans = Array(repeating: nil, count: needed.count * schema.types.count)
    }

    private static let flags = (false: StaticText("false"), true: StaticText("true"))

    /// Replaces a tree by that of a message.
    /// - Throws: `EventError` for bytes that are not one value of the schema.
    /// - Complexity: O(bytes).
    func read(_ message: UnsafeRawBufferPointer, into tree: inout MessageTree) throws(EventError) {
        tree.removeAll()
        steps = 0
        var cursor = BinaryCursor(message, format: "Avro")
        try value(&cursor, schema.root, NeededValues.root, name: .empty, depth: 0, into: &tree)
        guard cursor.isAtEnd else { throw cursor.error("\(cursor.remaining) bytes too many") }
    }

    private func plan(_ type: Int, _ place: Int, _ fields: [AvroSchema.Field]) -> [Int] {
        let index = place * schema.types.count + type
        if let known = plans[index] { return known }
        let plan = fields.map { needed.member($0.name, of: place) }
        plans[index] = plan
        return plan
    }

    private func value(
        _ cursor: inout BinaryCursor, _ type: Int, _ place: Int, name: UnsafeRawBufferPointer, depth: Int,
        into tree: inout MessageTree
    ) throws(EventError) {
        guard depth < JSONCursor.depthLimit else {
            throw cursor.error("nested deeper than \(JSONCursor.depthLimit) levels")
        }
        steps += 1
        guard steps <= Self.stepLimit else { throw cursor.error("far too many values") }
        if place == NeededValues.nothing { return try skip(&cursor, type, depth: depth) }
        let kind = schema.types[type]
        switch kind.shape {
        case .null: tree.append(.null, name: name, .empty)
        case .boolean:
            switch try cursor.byte() {
            case 0: tree.append(.flag, name: name, Self.flags.false.bytes)
            case 1: tree.append(.flag, name: name, Self.flags.true.bytes)
            default: throw cursor.error("a boolean that is neither 0 nor 1")
            }
        case .int, .long:
            let number = try cursor.zigzag()
            if case .int = kind.shape, Int32(exactly: number) == nil { throw cursor.error("an int beyond 32 bits") }
            append(number, kind.meaning, name: name, into: &tree)
        case .float: tree.append(Float(bitPattern: try cursor.word32()), name: name, texts)
        case .double: tree.append(Double(bitPattern: try cursor.word64()), name: name, texts)
        case .bytes: try append(counted(&cursor), kind.meaning, name: name, cursor, into: &tree)
        case .fixed(let size): try append(cursor.take(size), kind.meaning, name: name, cursor, into: &tree)
        case .string:
            let text = try counted(&cursor)
            guard isValidUTF8(text) else { throw cursor.error("a string that is no UTF-8") }
            tree.append(.string, name: name, text)
        case .enumeration(let symbols):
            let symbol = try cursor.zigzag()
            guard symbol >= 0, symbol < symbols.count else { throw cursor.error("no symbol of its enum") }
            tree.append(.string, name: name, symbols[Int(symbol)])
        case .union(let branches):
            let branch = try branch(&cursor, of: branches)
            try value(&cursor, branch, place, name: name, depth: depth + 1, into: &tree)
        case .record(let fields):
            try tree.checkSize()
            let index = tree.open(.object, name: name)
            let plan = plan(type, place, fields)
            for at in fields.indices {
                try value(&cursor, fields[at].type, plan[at], name: fields[at].name, depth: depth + 1, into: &tree)
            }
            tree.close(index)
        case .array(let element):
            let index = tree.open(.array, name: name)
            let place = needed.element(of: place)
            try forEachItem(&cursor) { cursor throws(EventError) in
                try tree.checkSize()
                try value(&cursor, element, place, name: .empty, depth: depth + 1, into: &tree)
            }
            tree.close(index)
        case .map(let element):
            let index = tree.open(.object, name: name)
            try forEachItem(&cursor) { cursor throws(EventError) in
                let key = try counted(&cursor)
                guard isValidUTF8(key) else { throw cursor.error("a key that is no UTF-8") }
                let place = needed.member(key, of: place)
                try value(&cursor, element, place, name: key, depth: depth + 1, into: &tree)
            }
            tree.close(index)
        }
    }

    /// Passes over a value.
    private func skip(_ cursor: inout BinaryCursor, _ type: Int, depth: Int) throws(EventError) {
        guard depth < JSONCursor.depthLimit else {
            throw cursor.error("nested deeper than \(JSONCursor.depthLimit) levels")
        }
        steps += 1
        guard steps <= Self.stepLimit else { throw cursor.error("far too many values") }
        switch schema.types[type].shape {
        case .null: break
        case .boolean: _ = try cursor.byte()
        case .int, .long, .enumeration: _ = try cursor.varint()
        case .float: _ = try cursor.word32()
        case .double: _ = try cursor.word64()
        case .bytes, .string: _ = try counted(&cursor)
        case .fixed(let size): _ = try cursor.take(size)
        case .union(let branches): try skip(&cursor, try branch(&cursor, of: branches), depth: depth + 1)
        case .record(let fields): for field in fields { try skip(&cursor, field.type, depth: depth + 1) }
        case .array(let element):
            try forEachItem(&cursor) { cursor throws(EventError) in try skip(&cursor, element, depth: depth + 1) }
        case .map(let element):
            try forEachItem(&cursor) { cursor throws(EventError) in
                _ = try counted(&cursor)
                try skip(&cursor, element, depth: depth + 1)
            }
        }
    }

    private func branch(_ cursor: inout BinaryCursor, of branches: [Int]) throws(EventError) -> Int {
        let place = try cursor.zigzag()
        guard place >= 0, place < branches.count else { throw cursor.error("no branch of its union") }
        return branches[Int(place)]
    }

    private func counted(_ cursor: inout BinaryCursor) throws(EventError) -> UnsafeRawBufferPointer {
        let count = try cursor.zigzag()
        guard count >= 0 else { throw cursor.error("a length below 0") }
        return try cursor.counted(UInt64(count))
    }

    /// The items of an array or map, which come in blocks.
    private func forEachItem(
        _ cursor: inout BinaryCursor, _ body: (inout BinaryCursor) throws(EventError) -> Void
    ) throws(EventError) {
        var items: Int64 = 0
        while true {
            var count = try cursor.zigzag()
            if count == 0 { return }
            if count < 0 {
                // The block's bytes, for those who want to skip it.
                _ = try cursor.zigzag()
                count = 0 &- count
            }
            // Items of no bytes must not make a small message a long loop.
            (items, _) = items.addingReportingOverflow(count)
            guard count > 0, items <= 1_000_000 else { throw cursor.error("more than a million items") }
            for _ in 0..<count { try body(&cursor) }
        }
    }

    // MARK: Values

    private func append(
        _ number: Int64, _ meaning: AvroSchema.Meaning, name: UnsafeRawBufferPointer, into tree: inout MessageTree
    ) {
        switch meaning {
        case .plain, .decimal: tree.append(.number, name: name, texts.integer(number))
        case .instant(let nanoseconds):
            tree.append(.instant, name: name, texts.integer(Self.milliseconds(number, nanoseconds)))
        case .localTime(let nanoseconds):
            let local = Self.milliseconds(number, nanoseconds)
            // Outside of what a clock shows, the field's own check speaks.
            let instant = (0...EventTime.latest).contains(local) ? localTime.instant(ofLocal: local) : nil
            tree.append(.instant, name: name, texts.integer(instant ?? local))
        }
    }

    /// A time in units of so many nanoseconds as milliseconds, rounded down; beyond 64 bits their limits.
    static func milliseconds(_ number: Int64, _ nanoseconds: Int64) -> Int64 {
        guard nanoseconds < 1_000_000 else {
            let (product, overflow) = number.multipliedReportingOverflow(by: nanoseconds / 1_000_000)
            return overflow ? (number < 0 ? .min : .max) : product
        }
        let units = 1_000_000 / nanoseconds
        return number / units - (number % units < 0 ? 1 : 0)
    }

    private func append(
        _ bytes: UnsafeRawBufferPointer, _ meaning: AvroSchema.Meaning, name: UnsafeRawBufferPointer,
        _ cursor: BinaryCursor, into tree: inout MessageTree
    ) throws(EventError) {
        guard case .decimal(let scale) = meaning else { return tree.append(binary: bytes, name: name) }
        guard let text = Decimal128.text(bytes, scale: scale, texts) else {
            throw cursor.error("a decimal of \(bytes.count) bytes, which must have 1 to 16")
        }
        tree.append(.number, name: name, text)
    }
}

extension MessageTree {
    /// Values of few bytes, or of none, must not make a small message a large tree.
    func checkSize() throws(EventError) {
        guard nodes.count < 1_000_000 else { throw EventError(field: nil, reason: "has more than a million values") }
    }

    /// Appends bytes: text if they are UTF-8, else a value that is neither text nor number.
    mutating func append(binary bytes: UnsafeRawBufferPointer, name: UnsafeRawBufferPointer) {
        append(isValidUTF8(bytes) ? .string : .flag, name: name, bytes)
    }

    /// Appends a binary fraction as the shortest decimal that stands for it; no value for what is not a number.
    mutating func append(
        _ number: Double, name: UnsafeRawBufferPointer, _ texts: TextMemory
    ) {
        if number.isNaN { return append(.null, name: name, .empty) }
        let text = texts.take(upTo: ShortestDecimal.longest) { room in
            let start = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            return ShortestDecimal.write(number, to: start) - start
        }
        append(number.isFinite ? .number : .flag, name: name, text)
    }

    /// Appends a binary fraction of 32 bits likewise.
    mutating func append(_ number: Float, name: UnsafeRawBufferPointer, _ texts: TextMemory) {
        if number.isNaN { return append(.null, name: name, .empty) }
        append(number.isFinite ? .number : .flag, name: name, texts.copy(String(describing: number).utf8))
    }
}

/// A text of the program itself as bytes.
struct StaticText: @unchecked Sendable {
    // Unchecked: the program's own text is never written.
    let bytes: UnsafeRawBufferPointer

    init(_ text: StaticString) { bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) }
}
