import Events

/// A format that understands a sample of a shop's messages, found by what stands in them.
///
/// What is configured and works is kept. The rest is found in the order in which a message is read: its frame and codec, its
/// envelope, its lines, its fields, the notations of their values. Each choice is tried with the code that decodes events.
package struct FormatProposal {
    /// The format.
    package private(set) var format: EventFormat
    /// What a person should look at, each a sentence.
    package private(set) var remarks: [String] = []
    /// Values that no field was found for, as paths with an example each.
    package private(set) var unused: [(path: String, example: String)] = []

    let messages: [InspectedMessage]
    /// Whether the messages are rows of a CSV file.
    let isTable: Bool
    /// The registry's schemas in a codec; `nil` where no registry is configured.
    package typealias Schemas = (MessageCodec) -> SchemaCatalogue?

    /// Finds a format.
    /// - Parameters:
    ///   - messages: some hundreds, in the order of the stream.
    ///   - configured: the format as it is configured so far.
    ///   - isTable: whether the messages are rows of a CSV file.
    ///   - schemas: the registry's schemas in a codec.
    /// - Complexity: O(bytes × notations tried); asks the registry for the schemas of the messages.
    package init(
        for messages: [InspectedMessage], configured: EventFormat, isTable: Bool = false,
        schemas: Schemas = { _ in nil }
    ) {
        format = isTable ? configured.asJSON : configured
        self.messages = messages.filter { $0.value != nil }
        self.isTable = isTable
        if isTable {
            (format.envelope, format.lines) = (.none, nil)
            // Columns may be configured by their plain names.
            let columns = ValueColumns(messages, in: format)
            format.fields = format.fields.mapped { name in
                columns.column(at: name) == nil ? FieldPath.escaped(name) : name
            }
        } else {
            findCodec(schemas)
            findEnvelope()
            findLines()
        }
        findFields()
    }

    mutating func remark(_ sentence: String) { remarks.append(sentence) }

    mutating func setUnused(_ values: [(path: String, example: String)]) { unused = values }

    mutating func update(_ body: (inout EventFormat) -> Void) { body(&format) }

    // MARK: Codec and frame

    private mutating func findCodec(_ schemas: Schemas) {
        if let catalogue = format.catalogue { fetch(from: catalogue) }
        guard format.outlines(of: messages).count * 2 < messages.count else { return }
        let framed = messages.filter { ($0.value?.count ?? 0) > 5 && $0.value?[0] == 0 }
        guard framed.count * 2 > messages.count, let value = framed.first?.value else {
            if let value = messages.first?.value { remark(unreadable(value)) }
            return
        }
        format.framing = .confluent
        for codec in MessageCodec.allCases {
            guard let catalogue = schemas(codec), fetch(from: catalogue) else { continue }
            (format.codec, format.catalogue) = (codec, catalogue)
            return
        }
        if value[5] == UInt8(ascii: "{") {
            format.codec = .json
        } else {
            remark(
                "schema_registry.url is set: messages are framed with the number of a schema in a Schema Registry and are not JSON"
            )
        }
    }

    /// Asks a registry for all schemas of the messages.
    /// - Returns: whether it knows one of them.
    @discardableResult
    private mutating func fetch(from catalogue: SchemaCatalogue) -> Bool {
        var numbers: Set<UInt32> = []
        for message in messages {
            guard let value = message.value, value.count > 5, value[0] == 0 else { continue }
            numbers.insert(value[1..<5].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        }
        var isKnown = false
        for number in numbers.sorted() {
            do throws(SchemaUnavailable) {
                if try catalogue.wait(for: number) != nil { isKnown = true }
            } catch {
                if !error.isRefusal { remark(error.description) }
            }
        }
        return isKnown
    }

    private func unreadable(_ value: [UInt8]) -> String {
        if value.contains(where: { $0 < 9 }) {
            return
                "events.codec and events.schema_file are set: messages are neither JSON nor framed by a Schema Registry, so that "
                + "they may be Avro or Protobuf"
        }
        let reader = OutlineReader(format)
        var reason = "one that can be read, as most cannot"
        value.withUnsafeBytes { bytes in
            do throws(EventError) { _ = try reader.outline(of: bytes) } catch { reason = error.description }
        }
        return
            "messages are JSON objects: the first one begins with \(String(decoding: value.prefix(40), as: UTF8.self)), and is "
            + reason
    }

    // MARK: Envelope and lines

    private mutating func findEnvelope() {
        guard format.envelope == .none else { return }
        let columns = ValueColumns(messages, in: format)
        guard let (envelope, count) = columns.envelopes.max(by: { $0.value < $1.value }),
            count * 2 > columns.messages
        else { return }
        if envelope == .debezium {
            let isUpdate = columns.columns.contains {
                ["op", "payload.op"].contains($0.path) && $0.texts.contains("u")
            }
            if isUpdate {
                remark(
                    "events.updates is right: rows are updated too, and an update is no event of its own unless that says read"
                )
            }
        }
        format.envelope = envelope
    }

    private static let fewMessages = 50
    private static let mostArrays = 20

    private mutating func findLines() {
        guard format.lines == nil else { return }
        // A few messages show the arrays.
        let few = Array(messages.prefix(Self.fewMessages))
        let columns = ValueColumns(few, in: format)
        let arrays = columns.arrays.filter { $0.value * 2 > columns.messages }.keys.sorted { a, b in
            (a.count, a) < (b.count, b)
        }
        var best: (path: String, score: Int)?
        for array in arrays.prefix(Self.mostArrays) {
            var trial = format
            trial.lines = FieldPath(array)
            let score = Self.lineScore(ValueColumns(few, in: trial))
            if score > best?.score ?? 0 { best = (array, score) }
        }
        if let best { format.lines = FieldPath(best.path) }
    }

    /// How much the elements of an array look like lines: by the fields that stand in them alone, or better there.
    private static func lineScore(_ columns: ValueColumns) -> Int {
        func best(_ field: EventField, isInLine: Bool) -> Int {
            let named = columns.columns.filter { $0.isInLine == isInLine }
            return named.map { FieldVocabulary.score($0.path, as: field) }.max() ?? 0
        }
        let scores = [EventField.stockCode, .quantity, .unitPrice, .lineTotal].map { field in
            let score = best(field, isInLine: true)
            return score >= 60 && score > best(field, isInLine: false) ? score : 0
        }
        // One such field may be an accident; two are a line.
        return scores.count { $0 > 0 } >= 2 ? scores.reduce(0, +) : 0
    }
}
