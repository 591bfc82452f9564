import Events
import Features

/// The body of `POST /v1/score/features`: a value or null for each feature by name.
struct FeatureRequest {
    /// In schema order; NaN where there is no value.
    var row = [Float](repeating: .nan, count: FeatureSchema.count)
    private var isGiven = [Bool](repeating: false, count: FeatureSchema.count)

    private let schema: FeatureSchema
    private let names: [[UInt8]]
    /// By the hash of their names.
    private let places: [UInt64: Int]

    /// What is wrong with names and values, all of it.
    private struct Faults {
        var unknown: [String] = []
        var invalid: [String] = []
    }

    init(_ schema: FeatureSchema) {
        self.schema = schema
        names = schema.names.map { Array($0.utf8) }
        places = Dictionary(uniqueKeysWithValues: zip(schema.names.map { contentHash(of: $0) }, 0...))
    }

    /// Reads a body in one strict pass.
    /// - Throws: `Problem` that lists every name that is missing, unknown or has no number.
    /// - Complexity: O(bytes).
    mutating func read(_ body: UnsafeRawBufferPointer) throws(Problem) {
        for place in isGiven.indices { isGiven[place] = false }
        var hasFeatures = false
        var wrong: Problem?
        var faults = Faults()
        try BodyReader.read(body) { name, cursor throws(EventError) in
            guard name == "features" else {
                wrong = wrong ?? .badBody(name, "is no member of this body; it takes features")
                return try cursor.skipValueStrictly(levels: BodyReader.levels)
            }
            hasFeatures = true
            guard cursor.current == UInt8(ascii: "{") else {
                wrong = wrong ?? .badBody(name, "must be an object of numbers and nulls by feature")
                return try cursor.skipValueStrictly(levels: BodyReader.levels)
            }
            try readFeatures(&cursor, &faults)
        }
        if let wrong { throw wrong }
        guard hasFeatures else { throw .badBody("features", "is missing") }
        let missing = isGiven.indices.filter { !isGiven[$0] }.map { schema.names[$0] }
        guard missing.isEmpty, faults.unknown.isEmpty, faults.invalid.isEmpty else {
            throw Self.problem(missing, faults)
        }
    }

    private mutating func readFeatures(_ cursor: inout JSONCursor, _ faults: inout Faults) throws(EventError) {
        var expected = 0
        var unknown: Set<String> = []
        // Repeated names are found by the flags of the known ones, which is faster than a set of all.
        try cursor.forEachMember { name, cursor throws(EventError) in
            let place = name.isEscaped ? place(ofEscaped: name.raw) : place(of: name.raw, expected: &expected)
            guard let place else {
                let text = name.text
                guard unknown.insert(text).inserted else { throw cursor.repeated(name) }
                faults.unknown.append(String(text.prefix(200)))
                _ = try Self.value(&cursor)
                return
            }
            guard !isGiven[place] else { throw cursor.repeated(name) }
            isGiven[place] = true
            if let value = try Self.value(&cursor) {
                row[place] = value
            } else {
                faults.invalid.append(schema.names[place])
            }
        }
    }

    /// NaN for null; `nil` for what is neither that nor a number that 32 bits can hold.
    private static func value(_ cursor: inout JSONCursor) throws(EventError) -> Float? {
        switch cursor.current {
        case UInt8(ascii: "n"):
            try cursor.literal()
            return .nan
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return DecimalText.float(try cursor.number())
        default:
            try cursor.skipValueStrictly(levels: BodyReader.levels - 1)
            return nil
        }
    }

    /// Whoever writes all features writes them in order as a rule: the one after the last is tried first.
    private func place(of name: UnsafeRawBufferPointer, expected: inout Int) -> Int? {
        if expected < names.count, isName(expected, name) {
            expected += 1
            return expected - 1
        }
        guard let place = places[contentHash(name)], isName(place, name) else { return nil }
        expected = place + 1
        return place
    }

    private func place(ofEscaped raw: UnsafeRawBufferPointer) -> Int? {
        JSONCursor.unescaped(raw).withUnsafeBytes { name in
            var none = names.count
            return place(of: name, expected: &none)
        }
    }

    private func isName(_ place: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        names[place].withUnsafeBytes { $0.hasSameBytes(as: name) }
    }

    private static func problem(_ missing: [String], _ faults: Faults) -> Problem {
        let parts = [("missing", missing), ("unknown", faults.unknown), ("not a number or null", faults.invalid)]
        let detail = parts.filter { !$0.1.isEmpty }.map { "\($0.1.count) \($0.0)" }.joined(separator: ", ")
        var problem = Problem(
            .badFeatures, "of the \(FeatureSchema.count) features each must be given, as a number or null: \(detail)")
        for (name, list) in [("missing", missing), ("unknown", faults.unknown), ("invalid", faults.invalid)]
        where !list.isEmpty {
            problem = problem.with(name) { $0.array(of: list) { $0.string($1) } }
        }
        return problem
    }
}
