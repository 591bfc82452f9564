import Ensemble
import Events
import Monitoring
import Pipeline
import Scoring
import TestSupport
import Testing

@testable import Customers

/// Messages that are orders with lines, beside the same lines as messages of their own.
@Suite struct OrderTests {
    let artifact: ModelArtifact
    /// Orders, each with its lines as flat messages.
    let orders: [[[UInt8]]]

    init() throws {
        artifact = try ModelArtifact(path: Checkout.models)
        let decoder = EventDecoder()
        let shop = ShopGenerator(customers: 40, days: 200, seed: 12)
        var orders: [[[UInt8]]] = []
        var invoice: [UInt8] = []
        while let message = shop.nextMessage() {
            let event = try decoder.event(in: message)
            if !event.invoiceNo.elementsEqual(invoice) { orders.append([]) }
            invoice = Array(event.invoiceNo)
            orders[orders.count - 1].append(Array(message))
        }
        self.orders = orders
    }

    static func format(_ predictions: EventFormat.Predictions) -> EventFormat {
        var format = EventFormat()
        format.lines = FieldPath("items")
        format.predictions = predictions
        return format
    }

    /// What comes of messages: records, and the customers' states at the end.
    func run(_ messages: [[UInt8]], _ format: EventFormat, batch: Int) throws -> (
        records: RecordArrays, table: CustomerTable, silent: Int
    ) {
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(format: format), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
        let state = PartitionState(
            topic: "orders", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730,
            labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 100_000))
        let records = RecordArrays()
        var silent = 0
        for start in stride(from: 0, to: messages.count, by: batch) {
            let part = messages[start..<min(start + batch, messages.count)]
            var source = SourceBatch()
            let lent = part.map { message in
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: message.count, alignment: 1)
                bytes.copyBytes(from: message)
                return bytes
            }
            defer { for bytes in lent { bytes.deallocate() } }
            for (index, bytes) in lent.enumerated() {
                source.append(
                    SourceMessage(
                        position: index, offset: Int64(start + index), value: UnsafeRawBufferPointer(bytes)))
            }
            source.endRun(of: state)
            let result = try pipeline.process(source, into: records)
            #expect(result.live == part.count && result.rejected == 0)
            silent += result.repeated + result.anonymous
        }
        return (records, state.table, silent)
    }

    var asOrders: [[UInt8]] {
        orders.map { Array("{\"items\":[".utf8) + Array($0.joined(separator: [UInt8(ascii: ",")])) + Array("]}".utf8) }
    }

    func expectSameStates(_ table: CustomerTable, _ other: CustomerTable) throws {
        #expect(table.count == other.count && table.count > 20)
        for index in table.states.indices {
            let customer = table.customerID(at: index)
            let state = try #require(other.state(of: customer))
            var (bytes, others) = (ByteWriter(), ByteWriter())
            table.states[index].encode(into: &bytes)
            state.encode(into: &others)
            #expect(bytes.bytes == others.bytes, "\(customer)")
        }
    }

    /// Whatever is sent again, in whatever batches: states and predictions are those of what was sent once.
    @Test(arguments: [1, 7, 1000], EventFormat.Predictions.allCases)
    func whatIsSentAgainCountsOnce(batch: Int, predictions: EventFormat.Predictions) throws {
        var random = SplitMix64(seed: 8)
        let numbered = asOrders.enumerated().map { Array("{\"id\":\($0),".utf8) + $1.dropFirst() }
        let twice = numbered.indices.flatMap { index in
            [numbered[index]] + (random.next() % 3 == 0 ? [numbered[max(0, index - Int(random.next() % 40))]] : [])
        }
        #expect(twice.count > numbered.count + 50)
        var format = Self.format(predictions)
        let once = try run(numbered, format, batch: batch)
        format.fields[.eventID] = "$.id"
        let told = try run(twice, format, batch: batch)
        #expect(told.records.predictions.map(\.payload) == once.records.predictions.map(\.payload))
        #expect(told.records.labels.count == once.records.labels.count)
        // An order without a customer is counted as anonymous each time.
        #expect(told.silent == once.silent + twice.count - numbered.count)
        let (table, other) = (told.table, once.table)
        #expect(table.count == other.count)
        for index in table.states.indices {
            let state = try #require(other.state(of: table.customerID(at: index)))
            #expect(table.states[index].lifetime == state.lifetime)
            var bytes = ByteWriter()
            table.states[index].encode(into: &bytes)
            try bytes.bytes.withReader { reader throws(StateError) in
                let restored = try CustomerState(decoding: &reader)
                #expect(restored.recentEvents.hashes == table.states[index].recentEvents.hashes)
            }
        }
    }

    @Test(arguments: [1, 7, 1000]) func eachLineIsScoredAsAMessageOfItsOwn(batch: Int) throws {
        let flat = try run(orders.flatMap { $0 }, EventFormat(), batch: 64)
        let lines = try run(asOrders, Self.format(.line), batch: batch)
        #expect(lines.records.predictions.map(\.payload) == flat.records.predictions.map(\.payload))
        #expect(lines.records.labels.count == flat.records.labels.count && flat.records.labels.count > 500)
        #expect(
            lines.records.labels.map(\.payload).sorted() == flat.records.labels.map(\.payload).sorted(),
            "labels are those of the lines")
        try expectSameStates(lines.table, flat.table)
        // An event is known by its message's offset and its line.
        let places = lines.records.predictions.map { "\($0.offset) \($0.line)" }
        #expect(Set(places).count == places.count)
    }

    @Test(arguments: [1, 7, 1000]) func anOrderIsScoredAfterItsLastLine(batch: Int) throws {
        let flat = try run(orders.flatMap { $0 }, EventFormat(), batch: 64)
        let whole = try run(asOrders, Self.format(.message), batch: batch)
        // The flat predictions of last lines: an order of nobody has none.
        var wanted: [String] = []
        var (offset, last) = (0, [Int64: Bool]())
        for order in orders {
            for line in order.indices {
                last[Int64(offset)] = line == order.count - 1
                offset += 1
            }
        }
        for prediction in flat.records.predictions where last[prediction.offset] == true {
            wanted.append(prediction.payload)
        }
        #expect(whole.records.predictions.map(\.payload) == wanted && wanted.count > 100)
        try expectSameStates(whole.table, flat.table)
        // The lines without a prediction decide the labels of earlier ones all the same.
        let labels = flat.records.labels.filter { last[$0.offset] == true }.map(\.payload)
        #expect(whole.records.labels.map(\.payload).sorted() == labels.sorted() && labels.count > 50)
    }

    @Test func anOrderWithABadLineCountsNotAtAll() throws {
        var messages = asOrders
        let text = String(decoding: messages[3], as: UTF8.self)
        let end = try #require(text.range(of: "]}")?.lowerBound)
        messages[3] = Array((text[..<end] + ",{\"customer_id\":\"1\"}]}").utf8)
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(format: Self.format(.message)), scorer: Scorer(artifact: artifact),
            monitor: PredictionMonitor())
        let state = PartitionState(timeToLiveDays: 730)
        let records = RecordArrays()
        try messages[3].withUnsafeBytes { bytes in
            var batch = SourceBatch()
            batch.append(SourceMessage(position: 0, offset: 0, value: bytes))
            batch.endRun(of: state)
            let result = try pipeline.process(batch, into: records)
            #expect(result.rejected == 1 && result.published == 0)
        }
        #expect(state.table.count == 0)
        #expect(records.rejected.map(\.reason) == ["field \"invoice_no\": missing"])
    }
}
