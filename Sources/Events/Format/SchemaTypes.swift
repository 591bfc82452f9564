/// What the schema in a Kafka Connect or Debezium message says of the fields' values: which are decimals in base64, and in
/// which units times are. Belongs to one thread.
///
/// The types are Kafka Connect's logical types and Debezium's "temporal types", as their documentation names them.
struct SchemaTypes {
    private enum LogicalType: Equatable {
        case decimal(scale: Int)
        /// A number since 1970, in units of so many nanoseconds.
        case epoch(nanoseconds: Int64)
    }

    static let epochs: [String: Int64] = [
        "org.apache.kafka.connect.data.Timestamp": 1_000_000, "io.debezium.time.Timestamp": 1_000_000,
        "io.debezium.time.MicroTimestamp": 1000, "io.debezium.time.NanoTimestamp": 1,
        "org.apache.kafka.connect.data.Date": 86_400_000_000_000, "io.debezium.time.Date": 86_400_000_000_000,
    ]

    private let envelope: EventFormat.Envelope
    private let lines: FieldPath?
    private let paths: [(field: EventField, path: FieldPath)]
    private var types: [LogicalType?] = Array(repeating: nil, count: EventField.allCases.count)
    /// The schema that `types` is of: messages of a topic repeat it.
    private var schema: [UInt8] = []

    init(envelope: EventFormat.Envelope, lines: FieldPath?, paths: [(field: EventField, path: FieldPath)]) {
        self.envelope = envelope
        self.lines = lines
        self.paths = paths
    }

    /// Takes over the types from a message's schema, if it has one.
    mutating func read(_ tree: MessageTree, root: Int) {
        guard case .found(let node) = tree.find(FieldPath("schema").unsafelyUnwrapped, from: root) else {
            if !schema.isEmpty {
                schema = []
                types = types.map { _ in nil }
            }
            return
        }
        let bytes = tree.nodes[node].bytes
        if bytes.count == schema.count, schema.withUnsafeBytes({ $0.hasSameBytes(as: bytes) }) { return }
        schema = Array(bytes)
        types = types.map { _ in nil }
        var content = node
        if envelope == .debezium {
            guard let after = Self.field(Array("after".utf8), of: content, tree) else { return }
            content = after
        }
        for (field, path) in paths { types[field.rawValue] = type(of: path, content, tree) }
    }

    private func type(of path: FieldPath, _ content: Int, _ tree: MessageTree) -> LogicalType? {
        if !path.isFromRoot, let lines, let array = Self.walk(lines.steps[...], content, tree),
            case .found(let items) = tree.find(FieldPath("items").unsafelyUnwrapped, from: array),
            let type = Self.walk(path.steps[...], items, tree).flatMap({ Self.logicalType($0, tree) })
        {
            return type
        }
        return Self.walk(path.steps[...], content, tree).flatMap { Self.logicalType($0, tree) }
    }

    /// The schema of the value at the end of a path.
    private static func walk(_ steps: ArraySlice<FieldPath.Step>, _ schema: Int, _ tree: MessageTree) -> Int? {
        var at = schema
        for step in steps {
            switch step {
            case .member(let name):
                guard let next = field(name, of: at, tree) else { return nil }
                at = next
            case .element:
                guard case .found(let items) = tree.find(FieldPath("items").unsafelyUnwrapped, from: at) else {
                    return nil
                }
                at = items
            }
        }
        return at
    }

    /// The schema of a struct's field.
    private static func field(_ name: [UInt8], of schema: Int, _ tree: MessageTree) -> Int? {
        guard case .found(let fields) = tree.find(FieldPath("fields").unsafelyUnwrapped, from: schema) else {
            return nil
        }
        var found: Int?
        tree.forEachChild(of: fields) { child in
            if case .found(let key) = tree.find(FieldPath("field").unsafelyUnwrapped, from: child),
                tree.nodes[key].bytes.hasSameBytes(as: name)
            {
                found = child
            }
            return found == nil
        }
        return found
    }

    private static func logicalType(_ schema: Int, _ tree: MessageTree) -> LogicalType? {
        func text(_ path: String, _ from: Int) -> String? {
            guard case .found(let node) = tree.find(FieldPath(path).unsafelyUnwrapped, from: from) else { return nil }
            return String(decoding: tree.nodes[node].bytes, as: UTF8.self)
        }
        guard let name = text("name", schema) else { return nil }
        if name == "org.apache.kafka.connect.data.Decimal" {
            return text("parameters.scale", schema).flatMap { Int($0) }.map { .decimal(scale: $0) }
        }
        return epochs[name].map { .epoch(nanoseconds: $0) }
    }

    // MARK: Values

    /// A number: an instant where the schema says so.
    func number(_ bytes: UnsafeRawBufferPointer, _ field: EventField, _ texts: TextMemory) throws(EventError)
        -> EventFields.Value
    {
        guard case .epoch(let nanoseconds) = types[field.rawValue] else { return EventFields.Value(.number, bytes) }
        guard let (number, exact) = FixedPoint.parse(bytes, digits: 0), exact, number >= 0 else {
            throw EventError(field: field.name, reason: "must be a whole number, as its schema says")
        }
        let (product, overflow) =
            nanoseconds >= 1_000_000
            ? number.multipliedReportingOverflow(by: nanoseconds / 1_000_000)
            : (number / (1_000_000 / nanoseconds), false)
        if overflow { throw EventError(field: field.name, reason: "is no time up to the year 9999") }
        return EventFields.Value(.instant, texts.integer(product))
    }

    /// A text: a decimal in base64 where the schema or the configuration says so.
    func text(
        _ bytes: UnsafeRawBufferPointer, _ field: EventField, _ configuredScale: Int, _ texts: TextMemory
    ) throws(EventError) -> EventFields.Value {
        var scale: Int?
        if case .decimal(let told) = types[field.rawValue] { scale = told }
        if scale == nil, configuredScale >= 0, [.quantity, .unitPrice, .lineTotal].contains(field) {
            scale = configuredScale
        }
        guard let scale else { return EventFields.Value(.string, bytes) }
        guard let unscaled = texts.base64(bytes), let text = Decimal128.text(unscaled, scale: scale, texts) else {
            throw EventError(field: field.name, reason: "is no decimal in base64 of at most 16 bytes")
        }
        return EventFields.Value(.number, text)
    }
}
