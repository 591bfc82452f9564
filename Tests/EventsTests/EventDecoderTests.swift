import TestSupport
import Testing

@testable import Events

@Suite struct EventDecoderTests {
    let needed =
        #""customer_id":"17850","invoice_no":"536365","stock_code":"85123A","quantity":6,"invoice_date":"2010-12-01 08:26:00","unit_price":2.55"#

    func decode<Result>(_ text: String, _ format: EventFormat = EventFormat(), _ body: (CustomerEvent) -> Result) throws
        -> Result
    {
        let decoder = EventDecoder(format: format)
        return try Array(text.utf8).withUnsafeBytes { body(try decoder.event(in: $0)) }
    }

    func error(_ text: String, _ format: EventFormat = EventFormat()) -> EventError? {
        do {
            try decode(text, format) { _ in }
            return nil
        } catch { return error as? EventError }
    }

    @Test func understandsEveryField() throws {
        try decode("{\(needed),\"description\":\"HEART\",\"country\":\"France\"}") { event in
            #expect(String(decoding: event.customerID, as: UTF8.self) == "17850")
            #expect(String(decoding: event.invoiceNo, as: UTF8.self) == "536365")
            #expect(event.customerHash == contentHash(of: "17850"))
            #expect(event.stockCodeHash == contentHash(of: "85123A"))
            #expect(event.descriptionHash == contentHash(of: "HEART"))
            #expect(event.countryHash == contentHash(of: "France"))
            #expect(event.quantity == 6)
            #expect(event.unitPrice == 25_500)
            #expect(event.amount == 153_000)
            #expect(event.time == 1_291_191_960_000)
            #expect(event.isPurchase && !event.isCancellation && !event.isAnonymous)
        }
    }

    @Test(arguments: [
        #""customer_id":17850"#, #""customer_id":17850.0"#, #""customer_id":"\u00317850""#,
    ])
    func takesACustomerAsStringOrNumber(field: String) throws {
        let text = "{\(needed)}".replacing(#""customer_id":"17850""#, with: field)
        try decode(text) { #expect($0.customerHash == contentHash(of: "17850")) }
    }

    @Test(arguments: ["null", "\"\""]) func takesNobodyAsAnonymous(value: String) throws {
        let text = "{\(needed)}".replacing(#""customer_id":"17850""#, with: "\"customer_id\":\(value)")
        try decode(text) { #expect($0.isAnonymous) }
    }

    @Test(arguments: [
        #""invoice_date":"2010-12-01T08:26:00Z""#, #""invoice_date":1291191960000"#, #""invoice_date":1.29119196e12"#,
    ])
    func takesTimesInThreeNotations(field: String) throws {
        let text = "{\(needed)}".replacing(#""invoice_date":"2010-12-01 08:26:00""#, with: field)
        try decode(text) { #expect($0.time == 1_291_191_960_000) }
    }

    @Test func ignoresUnknownFieldsInAnyOrderAndSpacing() throws {
        let text = """
             { "x" : [1, {"y": [true, null, "\\ud83d\\ude00"]}], \(needed) ,
             "z":-1.5e+10 }\n
            """
        try decode(text) { #expect($0.quantity == 6) }
    }

    @Test func readsAShopsOwnNames() throws {
        var format = EventFormat()
        format.fields[.customerID] = "client"
        format.fields[.quantity] = "qté"
        let text = "{\(needed)}".replacing("customer_id", with: "client").replacing("quantity", with: "qt\\u00e9")
        try decode(text, format) { #expect($0.quantity == 6) }
        #expect(error("{\(needed)}", format) == EventError(field: "client", reason: "missing"))
    }

    @Test func marksCancellations() throws {
        let byInvoice = "{\(needed)}".replacing("536365", with: "C536365")
        let byQuantity = "{\(needed)}".replacing(":6,", with: ":-6,")
        try decode(byInvoice) { #expect(!$0.isCancellation && $0.isPurchase) }
        var format = EventFormat()
        format.cancellationPrefix = "C"
        try decode(byInvoice, format) {
            #expect($0.isCancellation && !$0.isPurchase)
            #expect($0.quantity == -6 && $0.amount == -153_000)
        }
        try decode(byQuantity) { #expect($0.isCancellation && !$0.isPurchase) }
    }

    @Test(arguments: EventField.allCases.filter(EventFormat().needs))
    func namesAMissingField(field: EventField) throws {
        let parts = needed.split(separator: ",").filter { !$0.hasPrefix("\"\(field.name)\"") }
        #expect(error("{\(parts.joined(separator: ","))}") == EventError(field: field.name, reason: "missing"))
    }

    @Test(
        arguments: [
            (":6,", ":\"six\",", "quantity", "must be a number"),
            (":6,", ":true,", "quantity", "must be a number"), (":6,", ":10000001,", "quantity", "must lie within"),
            (":6,", ":1e99,", "quantity", "must be a number"), (":6,", ":null,", "quantity", "missing"),
            ("2.55", "\"free\"", "unit_price", "must be a number"), ("2.55", "[2]", "unit_price", "must be a number"),
            ("2.55", "1e8", "unit_price", "must lie within"),
            ("2010-12-01 08:26:00", "soon", "invoice_date", "must be a time"),
            ("\"2010-12-01 08:26:00\"", "-5", "invoice_date", "must be a time"),
            ("\"2010-12-01 08:26:00\"", "{}", "invoice_date", "must be a time"),
            ("\"17850\"", "{}", "customer_id", "must be a string or a number"),
            ("\"17850\"", "-3", "customer_id", "as a number must be whole"),
            ("\"17850\"", "1.5", "customer_id", "as a number must be whole"),
            ("\"536365\"", "\"\"", "invoice_no", "must not be empty"),
            ("\"536365\"", "null", "invoice_no", "must not be empty"),
        ] as [(String, String, String, String)])
    func namesFieldAndReason(of part: String, replacedBy replacement: String, field: String, reason: String) {
        let found = error("{\(needed)}".replacing(part, with: replacement))
        #expect(found?.field == field)
        #expect(found?.reason.contains(reason) == true, "\(String(describing: found))")
    }

    @Test func refusesAFieldThatAppearsTwice() {
        #expect(error("{\(needed),\"quantity\":7}") == EventError(field: "quantity", reason: "appears twice"))
    }

    @Test func refusesAnIdentifierBeyondTheLimit() {
        let long = String(repeating: "9", count: 1025)
        #expect(error("{\(needed)}".replacing("17850", with: long))?.field == "customer_id")
    }

    @Test(arguments: [
        "", " ", "null", "[]", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":01}", "{\"a\":+1}",
        "{\"a\":.5}", "{\"a\":1.}", "{\"a\":tru}", "{\"a\":'x'}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\u{1}\"}", "{\"a\":\"open}", "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"a\":[1,]}", "{\"a\":nan}", "{\"a\":1}{\"a\":1}", "{\"a\":{\"b\":1}",
    ])
    func refusesWhatIsNoJSON(text: String) { #expect(error(text) != nil) }

    @Test func refusesInvalidUTF8AndDeepNesting() {
        let decoder = EventDecoder()
        let bytes = Array("{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8)
        #expect(throws: EventError.self) { try bytes.withUnsafeBytes { _ = try decoder.event(in: $0) } }
        let deep = "{\"a\":" + String(repeating: "[", count: 100_000)
        #expect(error(deep)?.reason.contains("nested deeper") == true)
    }

    @Test func survivesEveryTruncationAndManyMutations() {
        let decoder = EventDecoder()
        let message = SampleEvent(description: "a \"quoted\" é\u{1F600}").json
        for count in 0..<message.count {
            #expect(throws: EventError.self) { try message[..<count].withUnsafeBytes { _ = try decoder.event(in: $0) } }
        }
        var generator = SplitMix64(seed: 3)
        for _ in 0..<100_000 {
            var mutated = message
            for _ in 0..<(1 + generator.next() % 3) {
                mutated[Int(generator.next() % UInt64(mutated.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            _ = mutated.withUnsafeBytes { try? decoder.event(in: $0).time }
        }
    }

    @Test func readsBackWhatTheEncoderWrites() throws {
        let encoder = EventEncoder()
        let decoder = EventDecoder()
        let texts = TextMemory()
        let reader = FlatJSONReader(names: FieldNames(), texts: texts)
        let sample = SampleEvent(customer: "a\"b\\c\u{7}", description: "tab\tline\nü", quantity: -3, price: 12_345)
        try sample.json.withUnsafeBytes { original in
            var out: [UInt8] = []
            var fields = EventFields()
            try reader.read(original, into: &fields)
            encoder.append(fields, to: &out)
            let first = try decoder.event(in: original)
            let firstHashes = [first.customerHash, first.descriptionHash, first.countryHash]
            try out.withUnsafeBytes { copy in
                let second = try decoder.event(in: copy)
                #expect([second.customerHash, second.descriptionHash, second.countryHash] == firstHashes)
                #expect(second.quantity == -3 && second.unitPrice == 12_345)
            }
        }
    }
}
