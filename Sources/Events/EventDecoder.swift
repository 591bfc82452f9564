/// Customer events from messages, as `EventFormat` says that they are to be understood: bytes → 0 to n events.
///
/// Flat JSON takes a fast path; every other message is read into a `MessageTree` first. A decoder belongs to one thread.
public final class EventDecoder {
    /// Version of what messages are accepted and how they are understood; part of the checkpoint's decoder fingerprint. State of
    /// another version is kept as it was decoded.
    package static let version = 3

    /// Most lines of a message.
    package static let lineLimit = Int(UInt16.max)

    /// How messages are understood.
    package let format: EventFormat
    private let parser: FieldParser
    private let texts = TextMemory()
    private let flat: FlatJSONReader?
    private let structured: StructuredReader
    /// The fields of the event that is being decoded: written in place, since they are too many to be copied.
    private let fields = UnsafeMutablePointer<EventFields>.allocate(capacity: 1)

    /// What the status of the event in `fields` says.
    private var meaning = EventFormat.Meaning.purchase

    /// A decoder of messages in a format.
    package init(format: EventFormat = EventFormat()) {
        self.format = format
        parser = FieldParser(format, texts: texts)
        flat = format.isFlat ? FlatJSONReader(names: format.fields, texts: texts) : nil
        structured = StructuredReader(format, texts: texts)
        fields.initialize(to: EventFields())
    }

    deinit { fields.deallocate() }

    /// Decodes the events in a message, in the order of its lines. They borrow from `message` and from the decoder, until the
    /// next call, or with `keepingTexts` until `forgetTexts` is called.
    /// - Parameters:
    ///   - timestamp: the message's own time, milliseconds since 1970; `nil` where it has none.
    ///   - keepingTexts: whether events decoded before are still in use.
    ///   - body: is given each event. What it was given is void if the call throws.
    /// - Returns: how many events there are; 0 for a message that says nothing that counts, such as a deletion.
    /// - Throws: `EventError`, which names the field and what is wrong with it. Then no event of the message counts.
    /// - Complexity: O(bytes).
    @inline(__always)
    @discardableResult
    package func decode(
        _ message: UnsafeRawBufferPointer, timestamp: Int64? = nil, keepingTexts: Bool = false,
        _ body: (CustomerEvent) -> Void
    ) throws(EventError) -> Int {
        if !keepingTexts { texts.forget() }
        let latest = timestamp.map { $0 &+ format.maxAhead } ?? .max
        do throws(EventError) {
            guard let flat else { return try decodeStructured(message, latest, body) }
            let content = format.framing == .none ? message : try MessageFrame(message).content
            try flat.read(content, into: &fields.pointee)
            guard try counts() else { return 0 }
            body(try event(latest))
            return 1
        } catch {
            throw withHint(error, message)
        }
    }

    /// An error of a field that is missing, or of a message that is not JSON, with what the message looks like instead.
    @inline(never)
    private func withHint(_ error: EventError, _ message: UnsafeRawBufferPointer) -> EventError {
        guard error.reason == "missing" || error.reason.hasPrefix("not JSON") else { return error }
        return EventError(field: error.field, reason: error.reason + MessageShape.hint(message, format))
    }

    /// The event of a message that is one. It borrows like those of `decode`.
    /// - Throws: `EventError`, also for a message of no event or of several.
    package func event(in message: UnsafeRawBufferPointer, keepingTexts: Bool = false) throws(EventError)
        -> CustomerEvent
    {
        if !keepingTexts { texts.forget() }
        if let flat, !parser.readsStatus, format.framing == .none {
            try flat.read(message, into: &fields.pointee)
            return try event(.max)
        }
        var event: CustomerEvent?
        let count = try decode(message, keepingTexts: true) { event = $0 }
        guard count == 1, let event else { throw EventError(field: nil, reason: "holds \(count) events") }
        return event
    }

    /// Frees the texts of all events decoded so far, which become invalid.
    @inline(__always)
    public func forgetTexts() { texts.forget() }

    /// The number of the schema that a message is written by, if it has to be asked for: the message cannot be decoded before.
    package func missingSchema(of message: UnsafeRawBufferPointer) -> UInt32? {
        guard format.framing == .confluent, format.codec != .json, let catalogue = format.catalogue,
            let frame = try? MessageFrame(message), !structured.knowsSchema(frame.schema)
        else { return nil }
        if case .awaited = catalogue.lookup(frame.schema) { return frame.schema }
        return nil
    }

    /// Waits for the schema that a message is written by, if it is not known.
    /// - Throws: `SchemaUnavailable` when the registry gives no answer.
    package func fetchSchema(of message: UnsafeRawBufferPointer) throws(SchemaUnavailable) {
        if let missing = missingSchema(of: message) { _ = try format.catalogue?.wait(for: missing) }
    }

    private func decodeStructured(
        _ message: UnsafeRawBufferPointer, _ latest: Int64, _ body: (CustomerEvent) -> Void
    ) throws(EventError) -> Int {
        var (count, line) = (0, 0)
        try structured.read(message, into: fields) { () throws(EventError) in
            guard line < Self.lineLimit else {
                throw EventError(field: nil, reason: "has more than \(Self.lineLimit) lines")
            }
            if try counts() {
                body(try event(latest, line: line))
                count += 1
            }
            line += 1
        }
        return count
    }

    /// The event of a file's row or of a message's fields.
    /// - Parameter timestamp: when the row was written at the latest, milliseconds since 1970; `nil` where that is not known.
    /// - Returns: `nil` for one that does not count.
    /// - Throws: `EventError` naming the field.
    package func event(_ fields: EventFields, timestamp: Int64? = nil) throws(EventError) -> CustomerEvent? {
        texts.forget()
        self.fields.pointee = fields
        return try counts() ? try event(timestamp.map { $0 &+ format.maxAhead } ?? .max) : nil
    }

    /// Whether the event in `fields` counts, by its status.
    @inline(__always)
    private func counts() throws(EventError) -> Bool {
        if !parser.readsStatus { return true }
        do throws(FieldError) {
            meaning = try parser.meaning(fields.pointee[.status])
            return meaning != .ignore
        } catch {
            throw named(error)
        }
    }

    @inline(__always)
    private func event(_ latest: Int64, line: Int = 0) throws(EventError) -> CustomerEvent {
        do throws(FieldError) {
            let event = try CustomerEvent(fields, parser, meaning, line: line)
            if event.time > latest { throw FieldParser.ahead(event.time, latest - format.maxAhead) }
            return event
        } catch {
            throw named(error)
        }
    }

    @inline(never)
    private func named(_ error: FieldError) -> EventError {
        EventError(field: format.fields[error.field], reason: error.reason)
    }
}
