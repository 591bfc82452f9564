import Foundation
import TestSupport
import Testing

@testable import Events

/// Avro and Protobuf by hand: what the serializers' tests do not meet.
@Suite struct BinaryFormatTests {
    static func avro(_ schema: String, references: [String] = []) throws -> MessageSchema {
        try MessageSchema(
            SchemaSource(codec: .avro, text: Array(schema.utf8), references: references.map { Array($0.utf8) }))
    }

    static func protobuf(_ text: String) throws -> MessageSchema {
        try MessageSchema(SchemaSource(codec: .protobuf, text: Array(text.utf8)))
    }

    static func format(_ schema: MessageSchema, _ paths: [EventField: String] = [:]) -> EventFormat {
        var format = EventFormat()
        (format.codec, format.schema) = (schema.source.codec, schema)
        for (field, path) in paths { format.fields[field] = path }
        return format
    }

    /// The events of a message, as texts of their customer, time, quantity and amount.
    static func events(_ bytes: [UInt8], _ format: EventFormat) throws -> [String] {
        var events: [String] = []
        try bytes.withUnsafeBytes { bytes in
            _ = try EventDecoder(format: format).decode(bytes) { event in
                let customer = String(decoding: event.customerID, as: UTF8.self)
                events.append("\(customer) \(event.time) \(event.quantity) \(event.amount)")
            }
        }
        return events
    }

    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count * 2)] + Array(text.utf8) }

    static func zigzag(_ value: Int64) -> [UInt8] { varint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, bytes) = (value, [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static let time: Int64 = 1_291_192_980_000

    /// A schema of the canonical names, with the type of one field replaced.
    static func schema(_ changed: [String: String] = [:]) -> String {
        let types = [
            ("customer_id", #"["null", "string"]"#), ("invoice_no", #""string""#), ("stock_code", #""string""#),
            ("quantity", #""int""#), ("invoice_date", #"{"type": "long", "logicalType": "timestamp-millis"}"#),
            ("unit_price", #""double""#),
        ]
        let fields = types.map { #"{"name": "\#($0.0)", "type": \#(changed[$0.0] ?? $0.1)}"# }
        return #"{"type": "record", "name": "Event", "fields": [\#(fields.joined(separator: ", "))]}"#
    }

    static let head = [2] + text("17850") + text("536365") + text("85123A") + zigzag(6)
    static let price = withUnsafeBytes(of: 2.55.bitPattern.littleEndian) { Array($0) }

    @Test(
        arguments: [
            (#"{"type": "long", "logicalType": "timestamp-millis"}"#, time),
            (#"{"type": "long", "logicalType": "timestamp-micros"}"#, time * 1000 + 999),
            (#"{"type": "long", "logicalType": "timestamp-nanos"}"#, time * 1_000_000 + 999_999),
            (
                #"{"type": "long", "connect.name": "org.apache.kafka.connect.data.Timestamp", "connect.version": 1}"#,
                time
            ),
            (#"{"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}"#, time * 1000),
            // 08:43 in London, in winter.
            (#"{"type": "long", "logicalType": "local-timestamp-millis"}"#, time),
            (#""long""#, time),
        ] as [(String, Int64)])
    func timesAreInTheUnitsOfTheirTypes(type: String, value: Int64) throws {
        let schema = try Self.avro(Self.schema(["invoice_date": type]))
        var format = Self.format(schema)
        format.timeZone = "Europe/London"
        #expect(
            try Self.events(Self.head + Self.zigzag(value) + Self.price, format) == ["17850 \(Self.time) 6 153000"])
    }

    @Test(
        arguments: [
            (#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#, [4, 0, 255]),
            (
                #"{"type": {"type": "fixed", "name": "Price", "size": 3, "logicalType": "decimal", "precision": 7, "scale": 2}}"#,
                [0, 0, 255]
            ),
            (#""float""#, withUnsafeBytes(of: Float(2.55).bitPattern.littleEndian) { Array($0) }),
            (#""string""#, text("2.55")),
            (#"["null", {"type": "string", "avro.java.string": "String"}]"#, [2] + text("2.55")),
        ] as [(String, [UInt8])])
    func pricesAreOfAnyType(type: String, bytes: [UInt8]) throws {
        let schema = try Self.avro(Self.schema(["unit_price": type]))
        #expect(
            try Self.events(Self.head + Self.zigzag(Self.time) + bytes, Self.format(schema))
                == ["17850 \(Self.time) 6 153000"])
    }

    @Test func decimalsAreWrittenInFull() {
        let texts = TextMemory()
        func text(_ bytes: [UInt8], _ scale: Int) -> String? {
            bytes.withUnsafeBytes {
                Decimal128.text($0, scale: scale, texts).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        #expect(text([0xFF], 2) == "-0.01" && text([0x80], 0) == "-128" && text([0], 4) == "0.0000")
        #expect(text([0x7F] + [UInt8](repeating: 0xFF, count: 15), 38) == "1.70141183460469231731687303715884105727")
        #expect(text([0x80] + [UInt8](repeating: 0, count: 15), 0) == "-170141183460469231731687303715884105728")
        #expect(text([UInt8](repeating: 0, count: 17), 0) == nil && text([], 0) == nil && text([1], 39) == nil)
    }

    /// Lines in an array of several blocks, one of them with its size; a type that is named before and a recursive one beside.
    @Test func anOrderHasItsLinesInBlocks() throws {
        let schema = try Self.avro(
            #"""
            {"type": "record", "name": "Order", "namespace": "shop", "fields": [
              {"name": "tree", "type": ["null", {"type": "record", "name": "Node", "fields": [
                {"name": "next", "type": ["null", "Node"]}]}]},
              {"name": "customer", "type": ["null", "string"]}, {"name": "number", "type": "string"},
              {"name": "at", "type": {"type": "int", "logicalType": "date"}},
              {"name": "lines", "type": {"type": "array", "items": "shop.Line"}}]}
            """#,
            references: [
                #"""
                {"type": "record", "name": "Line", "namespace": "shop", "fields": [
                  {"name": "sku", "type": "string"}, {"name": "note", "type": ["null", "string"]},
                  {"name": "pieces", "type": "long"}, {"name": "total", "type": "float"}]}
                """#
            ])
        var format = Self.format(
            schema,
            [
                .customerID: "$.customer", .invoiceNo: "$.number", .invoiceDate: "$.at", .stockCode: "sku",
                .quantity: "pieces", .lineTotal: "total", .unitPrice: "", .description: "", .country: "",
            ])
        format.lines = FieldPath("lines")
        func line(_ sku: String, _ pieces: Int64) -> [UInt8] {
            Self.text(sku) + [2] + Self.text("n") + Self.zigzag(pieces)
                + withUnsafeBytes(of: Float(pieces).bitPattern.littleEndian) { Array($0) }
        }
        let second = line("B", 2) + line("C", 3)
        let bytes =
            [2, 2, 0, 2] + Self.text("c") + Self.text("n1") + Self.zigzag(14_944) + [2] + line("A", 1) + Self.zigzag(-2)
            + Self.zigzag(Int64(second.count)) + second + [0]
        let day: Int64 = 14_944 * 86_400_000
        #expect(try Self.events(bytes, format) == ["c \(day) 1 10000", "c \(day) 2 20000", "c \(day) 3 30000"])
        for cut in bytes.indices { #expect(throws: EventError.self) { try Self.events(Array(bytes[..<cut]), format) } }
        #expect(throws: EventError.self) { try Self.events(bytes + [0], format) }
    }

    /// Small messages that would make much work.
    @Test func bombsAreRefused() throws {
        let nothing = try Self.avro(#"{"type": "array", "items": "null"}"#)
        #expect(throws: EventError.self) { try Self.events(Self.zigzag(.max) + [0], Self.format(nothing)) }
        let many = Self.zigzag(900_000) + Self.zigzag(900_000)
        #expect(throws: EventError.self) { try Self.events(many + [0], Self.format(nothing)) }
        let recursive = try Self.avro(
            #"{"type": "record", "name": "N", "fields": [{"name": "customer_id", "type": ["null", "N"]}]}"#)
        #expect(throws: EventError.self) {
            try Self.events([UInt8](repeating: 2, count: 100_000) + [0], Self.format(recursive))
        }
        let nested = try Self.protobuf(#"syntax = "proto3"; message N { N customer_id = 1; repeated N lines = 2; }"#)
        var bytes: [UInt8] = []
        for _ in 0..<200 { bytes = [10] + Self.varint(UInt64(bytes.count)) + bytes }
        #expect(throws: EventError.self) { try Self.events(bytes, Self.format(nested)) }
    }

    @Test(
        arguments: [
            #"{"type": "record", "name": "A", "fields": [{"name": "x", "type": "Missing"}]}"#, "{", "[]", "7",
            #"{"type": "record", "fields": []}"#, #"{"type": "enum", "name": "E", "symbols": []}"#,
            #"{"type": "fixed", "name": "F", "size": -1}"#, #"{"type": "array"}"#,
            #"[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}]"#,
            String(repeating: #"{"type": "array", "items": "#, count: 200) + #""int""#
                + String(repeating: "}", count: 200),
        ])
    func impossibleAvroSchemasAreRefused(text: String) {
        #expect(throws: SchemaError.self) { try Self.avro(text) }
    }

    @Test(
        arguments: [
            "message A { string x = 1 }", "message A { Missing x = 1; }", "message A {", "message { }", "/* no end",
            "message A { string x = 0; }", "message A { string x = 536870912; }",
            "message A { string x = 1; string y = 1; }", "hello", "message A { x = \"",
        ])
    func impossibleProtobufSchemasAreRefused(text: String) {
        #expect(throws: SchemaError.self) { try Self.protobuf("syntax = \"proto3\"; \(text)") }
    }

    /// Google's types that nobody brings along; a message that comes in two parts.
    @Test func protobufPassesOverWhatItDoesNotKnow() throws {
        let schema = try Self.protobuf(
            """
            syntax = "proto3"; import "google/protobuf/any.proto";
            message Event {
              message Customer { string id = 1; string country = 2; }
              google.protobuf.Any anything = 1; Customer customer = 2; string invoice_no = 3; string stock_code = 4;
              int32 quantity = 5; int64 invoice_date = 6; double unit_price = 7;
            }
            """)
        func bytes(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
            Self.varint(number << 3 | 2) + Self.varint(UInt64(content.count)) + content
        }
        let message =
            bytes(1, [10, 1, 65]) + bytes(2, bytes(1, Array("17850".utf8))) + bytes(2, bytes(2, Array("UK".utf8)))
            + bytes(3, [65]) + bytes(4, [66]) + [40, 6, 48] + Self.varint(UInt64(Self.time)) + [57] + Self.price
        let format = Self.format(schema, [.customerID: "customer.id", .country: "customer.country"])
        #expect(try Self.events(message, format) == ["17850 \(Self.time) 6 153000"])
        var wanting = format
        wanting.fields[.quantity] = "anything"
        #expect(throws: EventError.self) { try Self.events(message, wanting) }
    }

    /// Values in every encoding, unknown fields and groups between them, the last of several, defaults and no values.
    @Test func protobufIsReadAsItIsWritten() throws {
        let schema = try Self.protobuf(
            """
            // A comment; and "what is no string
            syntax = "proto2";
            package shop.v1; /* Options and reserved
            numbers */
            option java_package = "com.shop";
            message Order {
              option deprecated = true;
              reserved 90 to 99, 100; reserved "old";
              extensions 1000 to max;
              required string customer_id = 1 [(validate.rules).string = {min_len: 1, pattern: "};"}];
              optional uint64 invoice_no = 2; optional fixed32 stock_code = 3; optional sint64 quantity = 4;
              optional .google.protobuf.Timestamp invoice_date = 5; optional google.type.Money unit_price = 6;
              optional google.protobuf.StringValue country = 7;
              repeated group Old = 8 { optional string a = 1; }
              oneof what { bool is_new = 9; Kind kind = 10; }
              enum Kind { option allow_alias = true; A = 0; B = -1; C = 0x10; }
              map<int32, string> names = 11;
            }
            service Shop { rpc Get (Order) returns (Order) { option (http) = { get: "/" }; } }
            """)
        let format = Self.format(schema, [.description: "names.7", .status: "kind"])
        var told = format
        told.statuses = ["B": .purchase, "16": .ignore]
        func bytes(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
            Self.varint(number << 3 | 2) + Self.varint(UInt64(content.count)) + content
        }
        let stamp = Self.varint(8) + Self.varint(1_291_192_980) + Self.varint(16) + Self.varint(5_000_000)
        let money =
            bytes(1, Array("EUR".utf8)) + Self.varint(16) + Self.varint(2) + Self.varint(24) + Self.varint(550_000_000)
        let message =
            bytes(1, Array("first".utf8)) + bytes(500, [1, 2, 3]) + Self.varint(8 << 3 | 3) + bytes(1, [65])
            + Self.varint(8 << 3 | 4) + bytes(1, Array("17850".utf8)) + [16] + Self.varint(.max)
            + [29, 1, 0, 0, 0] + [32] + Self.varint(11) + bytes(5, stamp) + bytes(6, money)
            + bytes(7, bytes(1, Array("UK".utf8)))
            + [80] + Self.varint(UInt64(bitPattern: -1)) + bytes(11, [8, 7] + bytes(2, Array("HEART".utf8)))
        #expect(try Self.events(message, told) == ["17850 \(Self.time + 5) -6 -153000"])
        #expect(
            throws: EventError(
                field: "customer_id",
                reason: "is encoded as another type than the schema says: is it the schema of this topic?")
        ) {
            try Self.events([8, 1], told)
        }
    }
}
