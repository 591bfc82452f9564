import Foundation

@testable import Events

// Built by deploy/fuzz_decoders.sh with libFuzzer; FUZZ_TARGET names what is fuzzed.

/// What one input is given to. Made once: a decoder is used for many messages.
private nonisolated(unsafe) let targets: [String: (UnsafeRawBufferPointer) -> Void] = [
    "json": decoding { _ in },
    "nested": decoding { format in
        format.lines = FieldPath("items")
        format.fields[.customerID] = "$.customer.id"
        format.fields[.eventID] = "$.id"
        format.missingInvoice = .day
        format.allowsMissingProduct = true
        format.cancellationPrefix = "C"
    },
    "debezium": decoding { format in
        format.envelope = .debezium
        format.updates = .read
        format.decimalScale = 2
    },
    "cloudevents": decoding { $0.envelope = .cloudevents },
    "avro": decoding { format in
        format.codec = .avro
        format.schema = schema(.avro, avroText)
        format.lines = FieldPath("lines")
        format.fields[.customerID] = "$.customer.id"
        format.fields[.invoiceNo] = "$.number"
        format.timeZone = "Europe/London"
    },
    "protobuf": decoding { format in
        format.codec = .protobuf
        format.schema = schema(.protobuf, protoText)
        format.lines = FieldPath("lines")
        format.fields[.customerID] = "$.customer.id"
        format.fields[.country] = "$.names.en"
    },
    "avro-schema": { bytes in _ = try? MessageSchema(SchemaSource(codec: .avro, text: Array(bytes))) },
    "protobuf-schema": { bytes in _ = try? MessageSchema(SchemaSource(codec: .protobuf, text: Array(bytes))) },
    "file": { bytes in
        // Files are read from disk, so this one is slower.
        let path = "/dev/shm/future-cart-fuzz-\(getpid())"
        _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
        guard let reader = try? HistoryReader(path: path) else { return }
        while let event = try? reader.next() { check(event) }
    },
]

private func decoding(_ change: (inout EventFormat) -> Void) -> (UnsafeRawBufferPointer) -> Void {
    var format = EventFormat()
    change(&format)
    let decoder = EventDecoder(format: format)
    return { bytes in _ = try? decoder.decode(bytes, timestamp: 1_700_000_000_000) { check($0) } }
}

private func schema(_ codec: MessageCodec, _ text: String) -> MessageSchema? {
    try? MessageSchema(SchemaSource(codec: codec, text: Array(text.utf8)))
}

/// What every event promises.
private func check(_ event: CustomerEvent) {
    precondition((0...EventTime.latest).contains(event.time))
    precondition(abs(event.quantity) <= CustomerEvent.quantityLimit)
    precondition(event.customerID.count <= CustomerEvent.identifierLimit)
    precondition(!event.invoiceNo.isEmpty)
    // Reads all that the event borrows.
    precondition(contentHash(event.customerID) == event.customerHash)
    precondition(contentHash(event.invoiceNo) == event.invoiceHash)
}

private let avroText = """
    {"type": "record", "name": "Order", "fields": [
      {"name": "customer", "type": ["null", {"type": "record", "name": "Customer", "fields": [
        {"name": "id", "type": "string"}, {"name": "parent", "type": ["null", "Customer"]}]}]},
      {"name": "number", "type": "long"}, {"name": "extra", "type": {"type": "map", "values": ["null", "double", "bytes"]}},
      {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "stock_code", "type": {"type": "enum", "name": "Code", "symbols": ["A", "B"]}},
        {"name": "quantity", "type": ["int", "float", "string"]},
        {"name": "invoice_date", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "unit_price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}]}}}]}
    """

private let protoText = """
    syntax = "proto3";
    message Order {
      message Customer { string id = 1; Customer parent = 2; }
      message Line {
        oneof code { string stock_code = 1; uint64 number = 9; }
        sint64 quantity = 2; google.protobuf.Timestamp invoice_date = 3; google.type.Money unit_price = 4;
      }
      Customer customer = 1; repeated Line lines = 2; map<string, google.protobuf.StringValue> names = 3;
      repeated sfixed32 packed = 4; string invoice_no = 5; confluent.type.Decimal total = 6;
    }
    """

private nonisolated(unsafe) let target: (UnsafeRawBufferPointer) -> Void = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = targets[name] else {
        let names = targets.keys.sorted().joined(separator: ", ")
        FileHandle.standardError.write(Data("FUZZ_TARGET must be one of \(names), found '\(name)'\n".utf8))
        exit(2)
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    // A copy of its own: what is read beyond it is found.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyMemory(from: UnsafeRawBufferPointer(start: start, count: count))
    target(UnsafeRawBufferPointer(copy))
    return 0
}
