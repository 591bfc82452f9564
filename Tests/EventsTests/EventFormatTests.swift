import TestSupport
import Testing

@testable import Events

/// Messages as shops write them: each test stands for a kind.
@Suite struct EventFormatTests {
    /// What an event says, as a text.
    static func text(_ event: CustomerEvent) -> String {
        let customer = String(decoding: event.customerID, as: UTF8.self)
        let invoice = String(decoding: event.invoiceNo, as: UTF8.self)
        return
            "\(customer) \(invoice) \(event.quantity) x \(event.unitPrice) = \(event.amount) \(EventTime.text(event.time))"
            + (event.isCancellation ? " cancelled" : "")
    }

    /// What the events of a message say, or why it is none.
    func events(
        _ message: String, timestamp: Int64? = nil, _ change: (inout EventFormat) -> Void = { _ in }
    ) -> [String] {
        var format = EventFormat()
        change(&format)
        let decoder = EventDecoder(format: format)
        var events: [String] = []
        do {
            // Borrowed texts are read while they live.
            _ = try Array(message.utf8).withUnsafeBytes {
                try decoder.decode($0, timestamp: timestamp) { events.append(Self.text($0)) }
            }
        } catch {
            return ["\(error)"]
        }
        return events
    }

    func message(_ changes: (String, String)...) -> String {
        var text =
            #"{"customer_id":"17850","invoice_no":"1","stock_code":"A","quantity":6,"invoice_date":"2010-12-01T08:26:00Z","unit_price":2.55}"#
        for (part, replacement) in changes { text = text.replacing(part, with: replacement) }
        return text
    }

    let plain = ["17850 1 6 x 25500 = 153000 2010-12-01T08:26:00Z"]

    // MARK: Words, identifiers, numbers

    @Test(arguments: ["nan", "NaN", "NULL", "null", "None", "<NA>", "N/A", "\\\\N", "", " ", "undefined"])
    func wordsForNoValueAreNoCustomer(word: String) {
        #expect(events(message(("\"17850\"", "\"\(word)\""))) == [" 1 6 x 25500 = 153000 2010-12-01T08:26:00Z"])
    }

    @Test func theWordsCanBeChosen() {
        let text = message(("17850", "guest"))
        #expect(events(text).first?.hasPrefix("guest ") == true)
        #expect(events(text) { $0.missingWords = ["guest"] }.first?.hasPrefix(" ") == true)
        #expect(events(message(("17850", "nan"))) { $0.missingWords = [] }.first?.hasPrefix("nan ") == true)
    }

    @Test(arguments: ["17850", "17850.0", "17850.00", " 17850 ", "\u{A0}17850\u{A0}", "\\u00a017850 "])
    func aCustomerIsOneWhateverTheNotation(text: String) {
        #expect(events(message(("\"17850\"", "\"\(text)\""))) == plain)
    }

    @Test(arguments: ["1.785E+04", "1,785E+04", "2E+09"])
    func spreadsheetsRoundedNumbersAreRefused(text: String) {
        #expect(
            events(message(("17850", text))) == [
                "field \"customer_id\": is \"\(text)\": a spreadsheet has rounded it; export the column as text"
            ])
    }

    @Test func numbersMayBeText() {
        #expect(events(message((":6,", ":\"6\","), ("2.55", "\"2.55\""))) == plain)
        #expect(
            events(message(("2.55", "\"2,55\"")))[0].contains(
                "set events.decimal_separator and events.thousands_separator"))
        #expect(events(message(("2.55", "\"2,55\""))) { $0.decimalSeparator = "," } == plain)
        let large = events(message(("2.55", "\"1.234.567,5\""))) {
            ($0.decimalSeparator, $0.thousandsSeparator) = (",", ".")
        }
        #expect(large == ["17850 1 6 x 12345675000 = 74074050000 2010-12-01T08:26:00Z"])
        // Numbers that are no text have a point whatever is configured.
        #expect(events(message()) { $0.decimalSeparator = "," } == plain)
        #expect(events(message(("2.55", "2.550000000"))) { $0.decimalSeparator = "," } == plain)
    }

    /// A fraction in one notation is no thousands in another, nor the other way round.
    @Test(arguments: [
        ("1.234", ",", ".", "x 12340000"), ("1.234,5", ",", ".", "x 12345000"), ("1.234,5", ".", ",", nil),
        ("2,55", ".", ",", nil), ("2.55", ",", ".", nil), ("12.34.567", ",", ".", "x 12345670000"),
        (".255", ",", ".", nil),
        ("1.2345", ",", ".", nil), ("1,234.567", ",", ".", nil), ("1234,5", ",", ".", "x 12345000"),
        ("1 234,5", ",", " ", "x 12345000"), ("-1.234,5", ",", ".", "x -12345000"),
    ])
    func thousandsStandInGroups(text: String, decimal: String, thousands: String, amount: String?) {
        let found = events(message(("2.55", "\"\(text)\""))) {
            ($0.decimalSeparator, $0.thousandsSeparator) = (decimal, thousands)
        }
        #expect(found.count == 1)
        if let amount {
            #expect(found[0].contains(amount + " "))
        } else {
            #expect(found[0].contains("must be a number"))
        }
    }

    @Test func notANumberIsNoValue() {
        #expect(events(message(("\"17850\"", "NaN")))[0].hasPrefix(" 1 6") == true)
        #expect(events(message(("2.55", "NaN"))) == ["field \"unit_price\": missing"])
        #expect(events(message(("2.55}", "2.55,\"discount\":-Infinity}"))) == plain)
    }

    @Test func base64DecimalsAreNamedAndCanBeRead() {
        let text = message(("2.55", "\"AP8=\""))
        #expect(events(text)[0].contains("set events.decimal_scale"))
        #expect(events(text) { $0.decimalScale = 2 } == plain)
        #expect(events(message(("2.55", "\"\\/wE=\""))) { $0.decimalScale = 2 }[0].contains("x -25500"))
        #expect(events(message(("2.55", "\"not base64\""))) { $0.decimalScale = 2 }[0].contains("no decimal in base64"))
    }

    @Test func fractionsOfPiecesCountAsPiecesAndHaveTheirShareOfThePrice() {
        #expect(events(message((":6,", ":0.35,"))) == ["17850 1 1 x 25500 = 8925 2010-12-01T08:26:00Z"])
        #expect(events(message((":6,", ":-1.5,"))) == ["17850 1 -2 x 25500 = -38250 2010-12-01T08:26:00Z cancelled"])
    }

    @Test func aLineTotalIsNotMultiplied() {
        let text = message(("unit_price", "total"), ("2.55", "15.30"))
        #expect(events(text) { $0.fields[.lineTotal] = "total" } == plain)
        let back = text.replacing(":6,", with: ":-6,")
        let cancelled = ["17850 1 -6 x 25500 = -153000 2010-12-01T08:26:00Z cancelled"]
        #expect(events(back) { $0.fields[.lineTotal] = "total" } == cancelled)
        #expect(events(back.replacing("15.30", with: "-15.30")) { $0.fields[.lineTotal] = "total" } == cancelled)
    }

    // MARK: What may be missing, what is given back

    @Test func invoiceAndProductMayBeMissing() {
        let text = message(("\"invoice_no\":\"1\",", ""), ("\"stock_code\":\"A\",", ""))
        #expect(events(text) == ["field \"invoice_no\": missing"])
        let day = events(text) { ($0.missingInvoice, $0.allowsMissingProduct) = (.day, true) }
        #expect(day == ["17850 2010-12-01 6 x 25500 = 153000 2010-12-01T08:26:00Z"])
        let instant = events(text) { ($0.missingInvoice, $0.allowsMissingProduct) = (.instant, true) }
        #expect(instant == ["17850 2010-12-01T08:26:00Z 6 x 25500 = 153000 2010-12-01T08:26:00Z"])
        #expect(events(text) { $0.allowsMissingProduct = true } == ["field \"invoice_no\": missing"])
    }

    @Test func anInvoiceThatBeginsWithCIsNoReturnUnlessToldSo() {
        let text = message(("\"1\"", "\"C1\""))
        #expect(events(text) == ["17850 C1 6 x 25500 = 153000 2010-12-01T08:26:00Z"])
        #expect(
            events(text) { $0.cancellationPrefix = "C" } == [
                "17850 C1 -6 x 25500 = -153000 2010-12-01T08:26:00Z cancelled"
            ])
    }

    @Test func statusesSayWhatBecameOfAnOrder() {
        func format(_ format: inout EventFormat) {
            format.fields[.status] = "state"
            format.statuses = ["paid": .purchase, "refunded": .cancellation, "placed": .ignore]
        }
        func state(_ state: String) -> String { message(("}", ",\"state\":\"\(state)\"}")) }
        #expect(events(state("paid"), format) == plain)
        #expect(events(state("placed"), format).isEmpty)
        #expect(events(state("refunded"), format)[0].hasSuffix("6 x 25500 = -153000 2010-12-01T08:26:00Z cancelled"))
        #expect(events(state("lost"), format)[0].contains("not in events.statuses"))
        #expect(events(message(), format) == ["field \"state\": missing"])
    }

    @Test func oneFieldMayServeTwice() {
        #expect(events(message(("\"stock_code\":\"A\",", ""))) { $0.fields[.stockCode] = "invoice_no" } == plain)
    }

    // MARK: Times

    @Test(arguments: [
        ("epoch_s", "1291191960"), ("epoch_s", "1291191960.0"), ("epoch_s", "\"1291191960\""),
        ("epoch_ms", "1291191960000"), ("epoch_us", "1291191960000000"), ("epoch_ns", "1291191960000000000"),
        ("auto", "1291191960000"), ("auto", "\"1291191960000\""), ("auto", "\"2010-12-01 09:26:00+01:00\""),
        ("iso8601", "\"2010-12-01 08:26\""), ("dd/MM/yyyy HH:mm", "\"01/12/2010 08:26\""),
        ("M/d/yyyy H:mm", "\"12/1/2010 8:26\""), ("d.M.yy H:mm", "\"1.12.10 8:26\""),
        ("dd-MMM-yyyy hh:mm a", "\"01-Dec-2010 08:26 AM\""), ("yyyyMMddHHmmss", "\"20101201082600\""),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS", "\"2010-12-01T08:26:00.000\""),
    ])
    func timesAreReadInTheNotationTold(notation: String, value: String) throws {
        let time = try #require(TimeNotation(notation))
        #expect(events(message(("\"2010-12-01T08:26:00Z\"", value))) { $0.time = time } == plain)
    }

    @Test(arguments: [
        ("1291191960", "seconds? Then set events.time to epoch_s"),
        ("\"1291191960\"", "seconds? Then set events.time to epoch_s"),
        ("1291191960000000", "microseconds? Then set events.time to epoch_us"),
        ("1291191960000000000", "nanoseconds? Then set events.time to epoch_ns"),
        ("\"01/12/2010 08:26\"", "day or month first? Say so with events.time"),
        ("\"13/12/2010 08:26\"", "day or month first? Say so with events.time"),
        ("\"soon\"", "must be a time from 1970 to 9999"), ("0", "no time in milliseconds from 1990"),
        ("\"1970-01-01T00:00:00Z\"", "the zero of clocks"), ("\"1970-01-01\"", "the zero of clocks"),
    ])
    func aTimeOfMoreThanOneReadingIsRefused(value: String, reason: String) {
        let found = events(message(("\"2010-12-01T08:26:00Z\"", value)))
        #expect(
            found.count == 1 && found[0].hasPrefix("field \"invoice_date\"") && found[0].contains(reason), "\(found)")
    }

    @Test(arguments: ["", "dd/MM", "yyyy", "yyyy-MM-dd Q", "hh:mm dd/MM/yyyy", "dd/MM/yyyy 'x"])
    func aPatternThatGivesNoDateIsRefused(pattern: String) { #expect(TimeNotation(pattern) == nil) }

    @Test func localTimesAreOfTheirZone() {
        func time(_ text: String, _ zone: String) -> String? {
            events(message(("2010-12-01T08:26:00Z", text))) { $0.timeZone = zone }.first?
                .split(separator: " ").last.map(String.init)
        }
        #expect(time("2010-07-01 08:26:00", "Europe/London") == "2010-07-01T07:26:00Z")
        #expect(time("2010-12-01T08:26", "Europe/London") == "2010-12-01T08:26:00Z")
        #expect(time("2010-07-01 08:26:00Z", "Europe/London") == "2010-07-01T08:26:00Z")
        #expect(time("2010-12-01 08:26:00", "America/New_York") == "2010-12-01T13:26:00Z")
        // Clocks were set back at 02:00 on 31 October: the first of two readings. They were set forward at 01:00 on 28 March.
        #expect(time("2010-10-31 01:30:00", "Europe/London") == "2010-10-31T00:30:00Z")
        #expect(time("2010-10-31 02:30:00", "Europe/London") == "2010-10-31T02:30:00Z")
        #expect(time("2010-03-28 01:30:00", "Europe/London") == "2010-03-28T01:30:00Z")
        #expect(time("2010-03-28 02:30:00", "Europe/London") == "2010-03-28T01:30:00Z")
        #expect(!EventFormat.isTimeZone("Europe/Atlantis") && EventFormat.isTimeZone("Europe/London"))
    }

    @Test func anEventOfTheFutureIsNone() {
        let sent: Int64 = 1_291_191_960_000
        #expect(events(message(), timestamp: sent) == plain)
        #expect(events(message(), timestamp: sent - 86_400_000) == plain)
        let found = events(message(), timestamp: sent - 86_400_001)
        #expect(
            found.count == 1 && found[0].contains("later than its message or file (2010-11-30T08:25:59.999Z)"),
            "\(found)")
        #expect(events(message(), timestamp: sent - 86_400_001) { $0.maxAhead = 172_800_000 } == plain)
        // Old events are sent again at any time, and without a timestamp there is nothing to hold them against.
        #expect(events(message(), timestamp: sent * 2) == plain)
    }

    // MARK: Nested messages, envelopes, lines

    @Test func fieldsStandAtPaths() {
        let text =
            #"{"order":{"who":{"id":17850},"no":"1","items":[{"sku":"A","n":6,"price":2.55}],"at.utc":"2010-12-01T08:26:00Z"}}"#
        func format(_ format: inout EventFormat) {
            format.fields[.customerID] = "order.who.id"
            format.fields[.invoiceNo] = "order.no"
            format.fields[.stockCode] = "order.items[0].sku"
            format.fields[.quantity] = "order.items[0].n"
            format.fields[.unitPrice] = "order.items[0].price"
            format.fields[.invoiceDate] = "order.at\\.utc"
        }
        #expect(events(text, format) == plain)
        #expect(
            events(text.replacing("\"n\":6", with: "\"n\":6,\"n\":7"), format)
                == ["order.items[0].n: appears twice"].map { "field \"\($0.replacing(":", with: "\":"))" })
        #expect(
            events(text.replacing("\"id\"", with: "\"ID\""), format)[0].hasPrefix("field \"order.who.id\": missing"))
    }

    @Test(arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", "a\\"])
    func aPathThatLeadsNowhereIsRefused(path: String) { #expect(FieldPath(path) == nil) }

    @Test func anOrderHasLines() {
        let text =
            #"{"customer_id":"17850","id":"1","invoice_date":"2010-12-01T08:26:00Z","items":[{"id":"A","quantity":6,"unit_price":2.55},{"id":"B","quantity":1,"unit_price":"1"}]}"#
        func format(_ format: inout EventFormat) {
            format.lines = FieldPath("items")
            format.fields[.stockCode] = "id"
            format.fields[.invoiceNo] = "$.id"
        }
        #expect(events(text, format) == plain + ["17850 1 1 x 10000 = 10000 2010-12-01T08:26:00Z"])
        #expect(events(text.replacing("\"quantity\":1", with: "\"quantity\":\"x\""), format).count == 1)
        let items = try! #require(text.firstRange(of: "[{")?.lowerBound)
        #expect(events(text[..<items] + "[]}", format).isEmpty)
        #expect(events(text[..<items] + "null}", format).isEmpty)
        #expect(events(text[..<items] + "{}}", format) == ["field \"items\": must be an array of lines (events.lines)"])
        #expect(events(message(), format)[0].contains("it is to hold the lines"))
    }

    @Test func debeziumsRowsAreReadByTheirOperation() {
        func change(_ op: String, _ after: String) -> String {
            #"{"before":null,"after":\#(after),"op":"\#(op)","ts_ms":1}"#
        }
        func format(_ format: inout EventFormat) { format.envelope = .debezium }
        #expect(events(change("c", message()), format) == plain)
        #expect(events(change("r", message()), format) == plain)
        #expect(events(#"{"schema":null,"payload":\#(change("c", message()))}"#, format) == plain)
        #expect(events(change("d", "null"), format).isEmpty)
        #expect(events(change("u", message()), format).isEmpty)
        #expect(
            events(change("u", message())) {
                $0.envelope = .debezium
                $0.updates = .read
            } == plain)
        #expect(events(change("c", "null"), format) == ["field \"after\": must be the row after the change"])
        #expect(events(message(), format)[0].contains("no Debezium envelope"))
    }

    @Test func debeziumsSchemasSayWhatItsNumbersMean() {
        let schema =
            #"{"type":"struct","fields":[{"field":"before"},{"field":"after","type":"struct","fields":[{"field":"unit_price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},{"field":"invoice_date","type":"int64","name":"io.debezium.time.MicroTimestamp"}]}]}"#
        let row = message(("2.55", "\"AP8=\""), ("\"2010-12-01T08:26:00Z\"", "1291191960000000"))
        let text = #"{"schema":\#(schema),"payload":{"after":\#(row),"op":"c"}}"#
        #expect(events(text) { $0.envelope = .debezium } == plain)
        let whole = text.replacing("io.debezium.time.MicroTimestamp", with: "io.debezium.time.Date")
            .replacing("1291191960000000", with: "14944")
        #expect(events(whole) { $0.envelope = .debezium }[0].hasSuffix("2010-12-01T00:00:00Z"))
    }

    @Test(arguments: [
        (#"{"before":null,"after":{},"op":"c"}"#, "set events.envelope to debezium"),
        (#"{"schema":{},"payload":{"before":{},"op":"d"}}"#, "set events.envelope to debezium"),
        (#"{"schema":{},"payload":{}}"#, "set events.envelope to connect"),
        (#"{"specversion":"1.0","data":{}}"#, "set events.envelope to cloudevents"),
        (#"{"order":{"line.items":[{"sku":1}]}}"#, "set events.lines to order.line\\.items"),
        ("\u{0}\u{0}\u{0}\u{0}\u{7}{}", "as Schema Registry's serializers frame messages"),
    ])
    func aMessageOfAnotherShapeIsNamed(message: String, hint: String) {
        let found = events(message)
        #expect(found.count == 1 && found[0].contains(hint), "\(found)")
    }

    @Test func connectAndCloudEventsAreOpened() {
        #expect(events(#"{"schema":{},"payload":\#(message())}"#) { $0.envelope = .connect } == plain)
        #expect(events(#"{"schema":{},"payload":null}"#) { $0.envelope = .connect }.isEmpty)
        #expect(events(message()) { $0.envelope = .connect }[0].contains("no Kafka Connect envelope"))
        let cloud = #"{"specversion":"1.0","id":"1","source":"/shop","type":"order","data":\#(message())}"#
        #expect(events(cloud) { $0.envelope = .cloudevents } == plain)
        let packed = cloud.replacing("\"data\":\(message())", with: "\"data_base64\":\"\(Self.base64(message()))\"")
        #expect(events(packed) { $0.envelope = .cloudevents } == plain)
        #expect(events(message()) { $0.envelope = .cloudevents }[0].contains("no CloudEvents envelope"))
    }

    static func base64(_ text: String) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bytes = Array(text.utf8)
        var out = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = (Array(group) + [0, 0]).prefix(3).reduce(0) { $0 << 8 | Int($1) }
            for place in 0..<4 { out.append(place <= group.count ? digits[word >> (18 - 6 * place) & 63] : "=") }
        }
        return out
    }

    // MARK: One meaning for every way

    /// The same events, nested and flat, are the same.
    @Test func theLongWayReadsFlatMessagesAsTheShortOneDoes() throws {
        var nested = EventFormat()
        // A path from the root takes the way through the tree.
        for field in EventField.allCases where field.isStandard { nested.fields[field] = "$.\(field.name)" }
        #expect(!nested.isFlat)
        let (short, long) = (EventDecoder(), EventDecoder(format: nested))
        let shop = ShopGenerator(customers: 100, days: 60, seed: 3)
        var count = 0
        while let message = shop.nextMessage() {
            #expect(Self.text(try short.event(in: message)) == Self.text(try long.event(in: message)))
            count += 1
        }
        #expect(count > 1000)
    }

    @Test func brokenMessagesEndInAnError() {
        var format = EventFormat()
        format.envelope = .debezium
        format.lines = FieldPath("items")
        let decoder = EventDecoder(format: format)
        let text = Array(
            #"{"schema":{"fields":[{"field":"after","fields":[]}]},"payload":{"op":"c","after":{"customer_id":"1","items":[{"quantity":1}]}}}"#
                .utf8)
        var random = SplitMix64(seed: 8)
        for _ in 0..<50_000 {
            var mutated = text
            for _ in 0..<(1 + random.next() % 4) {
                let at = Int(random.next() % UInt64(mutated.count))
                if random.next() % 3 == 0 {
                    mutated.remove(at: at)
                } else {
                    mutated[at] = text[Int(random.next() % UInt64(text.count))]
                }
            }
            _ = mutated.withUnsafeBytes { try? decoder.decode($0) { _ in } }
        }
    }
}
