import Customers
import Ensemble
import Events
import Foundation
import Monitoring
import Pipeline
import SchemaRegistry
import Scoring
import TestSupport
import Testing

/// One history as other shops' producers write it: whatever the format, states and payloads are those of flat JSON.
@Suite(.enabled(if: SchemaRegistryProcess.python != nil, SchemaRegistryProcess.skipped))
struct SerializerTests {
    /// How a history's messages are written, and the format that reads them.
    struct Written {
        let name: String
        let format: EventFormat
    }

    let artifact: ModelArtifact

    init() throws { artifact = try ModelArtifact(path: Checkout.models) }

    @Test func aMadeUpShopIsReadAlikeInEveryFormat() throws {
        let shop = ShopGenerator(customers: 120, days: 150, seed: 4)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        try compare(messages, isTimed: false)
    }

    @Test(.night, .enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
    func theRealHistoryIsReadAlikeInEveryFormat() throws {
        let reader = try HistoryReader(path: try #require(RealHistory.path))
        var messages: [[UInt8]] = []
        while let message = try reader.nextMessage() { messages.append(Array(message)) }
        try compare(messages, isTimed: true)
    }

    /// What is published in Avro is read by another shop's deserializer, and says what JSON says.
    @Test func predictionsInAvroAreReadByOthers() throws {
        let registry = try SchemaRegistryProcess()
        let directory = try TemporaryDirectory()
        var settings = RegistrySettings()
        settings.urls = [registry.url]
        let schemas = try OutputSchemas(
            registering: RegistryClient(settings), predictions: "predictions", outcomes: "outcomes")
        let shop = ShopGenerator(customers: 60, days: 150, seed: 4)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        for explained in [0, 3] {
            // Weekly, so that customers without an event are among them.
            let weekly = RescoringSchedule(period: 7 * EventTime.millisecondsPerDay)
            let json = try run(messages, EventFormat(), explained: explained, rescoring: weekly)
            let avro = try run(messages, EventFormat(), explained: explained, schemas: schemas, rescoring: weekly)
            #expect(
                json.records.payloads.predictions.contains { String(decoding: $0, as: UTF8.self).contains("schedule") })
            #expect(avro.records.payloads.labels.count > 100)
            for (name, binary, texts) in [
                ("predictions", avro.records.payloads.predictions, json.records.payloads.predictions),
                ("outcomes", avro.records.payloads.labels, json.records.payloads.labels),
            ] {
                let framed = binary.flatMap { message in
                    (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) } + message
                }
                let (ours, theirs) = (
                    try directory.file("\(name).messages", framed),
                    try directory.file("\(name).ndjson", Array(texts.joined(separator: [0x0A])))
                )
                #expect(try registry.run("compare \(ours) \(theirs)") == "\(texts.count)", "\(name), \(explained)")
            }
        }
    }

    private func compare(_ messages: [[UInt8]], isTimed: Bool) throws {
        let registry = try SchemaRegistryProcess()
        let directory = try TemporaryDirectory()
        let source = try directory.file("flat.ndjson", Array(messages.joined(separator: [0x0A])))
        #expect(try registry.run("messages \(source) \(directory.path)") == "\(messages.count)")

        let flat = try run(messages, EventFormat())
        #expect(flat.payloads.count > messages.count / 2)
        for written in try Self.written(directory, registry) {
            let their = try SchemaRegistryProcess.messages("\(directory.path)/\(written.name).messages")
            let other = try run(their, written.format)
            #expect(other.rejected == [], "\(written.name)")
            #expect(other.payloads == flat.payloads, "\(written.name)")
            #expect(other.states == flat.states, "\(written.name)")
        }
        // Two schemas and what one of them refers to, each asked for once.
        if isTimed { try Self.time(messages, directory, registry) }
    }

    static func written(_ directory: TemporaryDirectory, _ registry: SchemaRegistryProcess) throws -> [Written] {
        var debezium = EventFormat()
        debezium.envelope = .debezium
        debezium.fields[.invoiceDate] = "at"
        var json = EventFormat()
        json.framing = .confluent
        var orders = EventFormat()
        orders.lines = FieldPath("lines")
        orders.predictions = .line
        orders.fields[.customerID] = "$.customer.id"
        orders.fields[.country] = "$.customer.country"
        orders.fields[.invoiceNo] = "$.number"
        let avro = try binary(.avro, directory, registry)
        let protobuf = try binary(.protobuf, directory, registry)
        return [
            Written(name: "debezium", format: debezium), Written(name: "json", format: json),
            Written(name: "orders", format: orders), Written(name: "avro", format: avro),
            Written(name: "protobuf", format: protobuf),
            Written(name: "plain-avro", format: try plain(avro, "event.avsc", directory)),
            Written(name: "plain-protobuf", format: try plain(protobuf, "event.proto", directory)),
            Written(name: "plain-protobuf", format: try plain(protobuf, "event.desc", directory)),
        ]
    }

    static func binary(
        _ codec: MessageCodec, _ directory: TemporaryDirectory, _ registry: SchemaRegistryProcess
    ) throws -> EventFormat {
        var format = EventFormat()
        format.codec = codec
        format.framing = .confluent
        var settings = RegistrySettings()
        settings.urls = [registry.url]
        format.catalogue = SchemaCatalogue(of: RegistryClient(settings), codec: codec)
        format.fields[.customerID] = "customer.id"
        format.fields[.country] = "customer.country"
        format.fields[.invoiceDate] = "at"
        if codec == .avro {
            format.fields[.stockCode] = "product.stock_code"
            format.fields[.description] = "product.description"
        }
        return format
    }

    /// The same without a registry: the schema is in a file.
    static func plain(_ format: EventFormat, _ name: String, _ directory: TemporaryDirectory) throws -> EventFormat {
        var format = format
        format.framing = .none
        format.catalogue = nil
        format.messageName = format.codec == .protobuf ? "shop.Event" : ""
        let text = try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(name)"))
        format.schema = try MessageSchema(SchemaSource(codec: format.codec, text: [UInt8](text)))
        return format
    }

    struct Outcome {
        let records: RecordArrays
        var payloads: [String] = []
        var states: [String: [UInt8]] = [:]
        var rejected: [String] = []
    }

    /// What comes of messages: payloads, and the customers' states at the end.
    private func run(
        _ messages: [[UInt8]], _ format: EventFormat, explained: Int = 0, schemas: OutputSchemas? = nil,
        rescoring: RescoringSchedule? = nil
    ) throws -> Outcome {
        let decoder = EventDecoder(format: format)
        let pipeline = ScoringPipeline(
            decoder: decoder,
            scorer: try Scorer(
                artifact: artifact, explainedFeatures: explained, avroSchema: schemas?.prediction),
            monitor: PredictionMonitor(), outcomeSchema: schemas?.outcome)
        let state = PartitionState(
            topic: "orders", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730, rescoring: rescoring,
            labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 100_000))
        let records = RecordArrays()
        for start in stride(from: 0, to: messages.count, by: 512) {
            let part = messages[start..<min(start + 512, messages.count)]
            var source = SourceBatch()
            let lent = part.map { message in
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: message.count, alignment: 1)
                bytes.copyBytes(from: message)
                return UnsafeRawBufferPointer(bytes)
            }
            defer { for bytes in lent { bytes.deallocate() } }
            for (index, bytes) in lent.enumerated() {
                try decoder.fetchSchema(of: bytes)
                source.append(SourceMessage(position: index, offset: Int64(start + index), value: bytes))
            }
            source.endRun(of: state)
            _ = try pipeline.processAll(source, into: records)
        }
        var outcome = Outcome(
            records: records, payloads: records.predictions.map(\.payload), rejected: records.rejected.map(\.reason))
        for index in state.table.states.indices {
            var bytes = ByteWriter()
            state.table.states[index].encode(into: &bytes)
            outcome.states[state.table.customerID(at: index)] = bytes.bytes
        }
        return outcome
    }

    /// Prints how long decoding takes in each format, in turns.
    private static func time(
        _ messages: [[UInt8]], _ directory: TemporaryDirectory, _ registry: SchemaRegistryProcess
    ) throws {
        let formats = [Written(name: "flat", format: EventFormat())] + (try written(directory, registry))
        var seconds = [Double](repeating: .infinity, count: formats.count)
        var bytes = [Int](repeating: 0, count: formats.count)
        for _ in 0..<3 {
            for (index, written) in formats.enumerated() {
                let their =
                    index == 0
                    ? messages : try SchemaRegistryProcess.messages("\(directory.path)/\(written.name).messages")
                let decoder = EventDecoder(format: written.format)
                try their[0].withUnsafeBytes { try decoder.fetchSchema(of: $0) }
                bytes[index] = their.reduce(0) { $0 + $1.count }
                var events = 0
                let begun = ContinuousClock.now
                for message in their {
                    try message.withUnsafeBytes { _ = try decoder.decode($0) { _ in events += 1 } }
                }
                seconds[index] = min(seconds[index], (ContinuousClock.now - begun) / .seconds(1))
                #expect(events == messages.count, "\(written.name)")
            }
        }
        for (index, written) in formats.enumerated() {
            let nanoseconds = seconds[index] / Double(messages.count) * 1e9
            print(
                "decoding \(written.name): \(Int(nanoseconds)) ns an event, \(bytes[index] / messages.count) bytes, "
                    + "\((seconds[index] / seconds[0] * 100).rounded() / 100) times flat JSON")
        }
    }
}
