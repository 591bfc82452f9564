import Console
import Events
import Foundation
import Kafka
import SchemaRegistry
import Settings
import TestSupport
import Testing

/// What `inspect` proposes for a topic that it knows nothing of reads every event of it.
@Suite(.waiting) struct InspectTests {
    let broker: EmbeddedBroker
    let directory: TemporaryDirectory

    init() throws {
        broker = try EmbeddedBroker()
        directory = try TemporaryDirectory()
    }

    // MARK: Running it

    func publish(_ messages: [ForeignTopic.Message], to topic: String, partitioner: String = "murmur2_random") throws {
        _ = try broker.createTopic(topic, partitions: 3)
        let producer = try Producer(
            properties: [
                "bootstrap.servers": broker.bootstrapServers, "partitioner": partitioner,
                "sticky.partitioning.linger.ms": "0",
            ])
        defer { producer.close() }
        let handle = try producer.topic(named: topic)
        for message in messages {
            try message.key.withUnsafeBytes { key in
                try message.value.withUnsafeBytes {
                    try producer.produce(
                        to: handle, key: key.isEmpty ? nil : key, value: $0, timestampMilliseconds: message.time)
                }
            }
        }
        try producer.flush(timeoutMilliseconds: 30_000)
    }

    func inspect(_ topic: String, _ more: [String] = []) throws -> (command: Command, configuration: String) {
        let path = "\(directory.path)/\(topic).yaml"
        let command = try Command(
            "scoring-worker",
            [
                "inspect", "--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)", "--set",
                "input.topic=\(topic)",
                "--write", path,
            ] + more)
        return (command, path)
    }

    /// The format that a written configuration says, read as worker and trainer read it.
    func format(_ path: String) throws -> EventFormat {
        let reader = ConfigurationReader(try ConfigurationTree(files: [path], environment: [:], overrides: []))
        let format = EventFormat(reader, registry: RegistrySettings(reader))
        try reader.finish()
        return format
    }

    /// Events of messages as a format reads them, as far as its fields tell.
    func events(_ messages: [ForeignTopic.Message], _ format: EventFormat) throws -> [ForeignTopic.Line] {
        let decoder = EventDecoder(format: format)
        var lines: [ForeignTopic.Line] = []
        for message in messages {
            try message.value.withUnsafeBytes { bytes in
                try decoder.fetchSchema(of: bytes)
                try decoder.decode(bytes, timestamp: message.time) { lines.append(ForeignTopic.Line($0)) }
            }
        }
        return lines
    }

    // MARK: Ten topics

    @Test(arguments: ForeignTopic.all.map(\.name)) func whatIsProposedReadsTheTopic(_ name: String) throws {
        let kind = try #require(ForeignTopic.all.first { $0.name == name })
        let orders = ForeignTopic.orders()
        let messages = kind.messages(orders)
        try publish(messages, to: kind.name)
        let (command, path) = try inspect(kind.name)
        #expect(command.status == 0, "\(command.output)\(command.error)")
        let format = try format(path)
        let found = try events(messages, format)
        let expected = orders.flatMap(\.lines).map(kind.told)
        #expect(found.count == expected.count)
        let first = zip(found, expected).first { kind.told($0) != $1 }
        #expect(first == nil, "\(String(describing: first))\n\(command.output)")
        #expect(command.output.contains("have their customer as the key"), "\(command.output)")
        #expect(command.output.contains("murmur2"), "\(command.output)")
        // One screen.
        #expect(command.output.split(separator: "\n", omittingEmptySubsequences: false).count <= 45)
        #expect(
            command.output.split(separator: "\n").allSatisfy { $0.count <= 120 || $0.contains(path) },
            "\(command.output)")
    }

    @Test(
        .enabled(if: SchemaRegistryProcess.python != nil, SchemaRegistryProcess.skipped),
        arguments: ["debezium", "json", "avro", "protobuf"])
    func whatSerializersWriteIsUnderstoodWithTheirRegistry(_ name: String) throws {
        let registry = try SchemaRegistryProcess()
        let shop = ShopGenerator(customers: 40, days: 60, seed: 4)
        var flat: [ForeignTopic.Message] = []
        let decoder = EventDecoder()
        while let message = shop.nextMessage() {
            let event = try decoder.event(in: message)
            flat.append(.init(key: Array(event.customerID), value: Array(message), time: event.time))
        }
        let source = try directory.file("flat.ndjson", Array(flat.map(\.value).joined(separator: [0x0A])))
        #expect(try registry.run("messages \(source) \(directory.path)") == "\(flat.count)")
        let written = try SchemaRegistryProcess.messages("\(directory.path)/\(name).messages")
        let messages = zip(flat, written).map { ForeignTopic.Message(key: $0.key, value: $1, time: $0.time) }
        try publish(messages, to: name)
        if name == "avro" {
            // Without the registry's address it says what is missing.
            let (command, _) = try inspect(name)
            #expect(command.status == 1 && command.output.contains("schema_registry.url"), "\(command.output)")
        }
        let (command, path) = try inspect(name, ["--set", "schema_registry.url=\(registry.url)"])
        #expect(command.status == 0, "\(command.output)\(command.error)")
        let found = try events(messages, try format(path))
        #expect(found == (try events(flat, EventFormat())), "\(command.output)")
    }

    // MARK: Keys

    @Test func keysAndPartitionersAreTold() throws {
        let orders = ForeignTopic.orders()
        let flat = ForeignTopic.all[0]
        let messages = flat.messages(orders)
        try publish(messages, to: "crc", partitioner: "consistent_random")
        #expect(try inspect("crc").command.output.contains("CRC-32"))
        try publish(messages.map { .init(key: [], value: $0.value, time: $0.time) }, to: "keyless")
        let keyless = try inspect("keyless").command.output
        #expect(keyless.contains("the producer must send the customer as the key"))
        #expect(
            keyless.split { " \n".contains($0) }.joined(separator: " ").contains(
                "customers have messages in two partitions"))
        try publish(
            messages.map { .init(key: Array($0.value.prefix(60)), value: $0.value, time: $0.time) }, to: "foreign")
        #expect(try inspect("foreign").command.output.contains("are keyed by something else"))
    }

    @Test func whatCannotBeInspectedIsSaid() throws {
        _ = try broker.createTopic("empty", partitions: 2)
        let empty = try inspect("empty").command
        #expect(empty.status == 1 && empty.error.contains("topic empty is empty"))
        try publish((0..<20).map { .init(key: [65], value: Array("line \($0)".utf8), time: nil) }, to: "text")
        let text = try inspect("text").command
        #expect(
            text.status == 1 && text.output.contains("messages are JSON objects: the first one begins with line 0"),
            "\(text.output)")
        try publish((0..<20).map { .init(key: [65], value: Array("{\"a\":\($0)}".utf8), time: nil) }, to: "strange")
        let strange = try inspect("strange").command
        #expect(strange.status == 1 && strange.output.contains("no value looks like a customer"), "\(strange.output)")
        for topic in ["empty", "text", "strange"] {
            #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/\(topic).yaml"))
        }
    }

    // MARK: Files

    @Test func aFilesColumnsAreFound() throws {
        let orders = ForeignTopic.orders()
        var text = "Nr;Kunden.Nr;Bestellnummer;Artikelnummer;Bezeichnung;Menge;Bestelldatum;Einzelpreis;Land\r\n"
        for (index, order) in orders.enumerated() {
            for item in order.items {
                text += "\(index);\(order.customer);\(order.invoice);\(item.code);Tee;\(item.quantity);"
                text += ForeignTopic.german(order.time) + ";" + ForeignTopic.comma(item.price) + ";Deutschland\r\n"
            }
        }
        let path = try directory.file("verkauf.csv", text)
        let yaml = "\(directory.path)/verkauf.yaml"
        let command = try Command("scoring-worker", ["inspect", "--file", path, "--write", yaml])
        #expect(command.status == 0, "\(command.output)\(command.error)")
        let reader = try HistoryReader(path: path, format: try format(yaml))
        var found: [ForeignTopic.Line] = []
        while let event = try reader.next() { found.append(ForeignTopic.Line(event)) }
        #expect(found == orders.flatMap(\.lines), "\(command.output)")
    }

    /// Rows of a file with these columns, the last one different in each.
    func proposed(_ header: String, _ configuration: [String] = [], _ row: (Int) -> String) throws -> (Command, String)
    {
        let path = try directory.file("odd.csv", ([header] + (0..<100).map(row)).joined(separator: "\n") + "\n")
        let yaml = "\(directory.path)/odd.yaml"
        try? FileManager.default.removeItem(atPath: yaml)
        let command = try Command("scoring-worker", ["inspect", "--file", path, "--write", yaml] + configuration)
        return (command, (try? String(contentsOfFile: yaml, encoding: .utf8)) ?? "")
    }

    /// What would be believed and is not so.
    @Test func likelyMistakesAreNotMade() throws {
        let start = "customer_id,order_id,sku,qty"
        func day(_ number: Int) -> String { "2024-01-\(String(number % 28 + 101).dropFirst())" }
        func begin(_ number: Int) -> String { "\(number % 9),\(number),P\(number % 5),\(1 + number % 3)" }
        // A total is not the price of a piece, and delivery is not when it was bought.
        let (_, total) = try proposed(start + ",TotalPrice,delivery_date,date") {
            "\(begin($0)),10.5,2024-03-03,\(day($0))"
        }
        #expect(
            total.contains("line_total: TotalPrice") && total.contains("unit_price: \"\"")
                && total.contains("invoice_date: date"))
        // Thousands are no fractions.
        let (thousands, yaml) = try proposed(start + ",price,date") { "\(begin($0)),\"2,40\($0 % 10)\",\(day($0))" }
        #expect(yaml.contains("thousands_separator: \",\""), "\(yaml)")
        #expect(thousands.output.contains("is taken for 240"), "\(thousands.output)")
        // Another column does not stand in for one that cannot be read.
        let (unread, none) = try proposed(start + ",price,discount_price,date") {
            "\(begin($0)),0.25 EUR,0.1,\(day($0))"
        }
        #expect(unread.status == 1 && none.isEmpty && unread.output.contains("cannot be read, as 0.25 EUR"))
        // An order that is sent again as it goes on is one purchase.
        let (_, statuses) = try proposed(start + ",price,date,status") {
            "\(begin($0 / 4)),2.5,\(day($0 / 4)),\(["created", "paid", "shipped", "delivered"][$0 % 4])"
        }
        #expect(statuses.contains("paid: purchase") && statuses.contains("created: ignore"), "\(statuses)")
        // A bad row is counted.
        let (bad, _) = try proposed(start + ",price,date") { $0 == 52 ? "1,2" : "\(begin($0)),2.5,\(day($0))" }
        #expect(bad.status == 0 && bad.output.contains("99 of 100 rows are events; 1 cannot be read"), "\(bad.output)")
    }

    /// What was configured and does not fit is written as what it is now, so that both files together say what is proposed.
    @Test func aProposalOverridesTheConfigurationThatItIsLaidOver() throws {
        let base = try directory.file(
            "base.yaml",
            """
            fields:
              event_id: uuid
              line_total: total
              customer_id: who
            events:
              time: epoch_s
              decimal_separator: ","
              envelope: debezium
            """)
        let (command, _) = try proposed("who,order_id,\"s\u{2028}ku\",qty,price,date", ["--config", base]) {
            "\($0 % 9),\($0),P\($0 % 5),2,2.55,2024-01-\(String($0 % 28 + 101).dropFirst())"
        }
        #expect(command.status == 0, "\(command.output)\(command.error)")
        let reader = ConfigurationReader(
            try ConfigurationTree(files: [base, "\(directory.path)/odd.yaml"], environment: [:], overrides: []))
        let format = EventFormat(reader, registry: RegistrySettings(reader))
        try reader.finish()
        let history = try HistoryReader(path: "\(directory.path)/odd.csv", format: format)
        var count = 0
        while let event = try history.next() {
            #expect(event.unitPrice == 25_500)
            count += 1
        }
        #expect(count == 100)
    }
}
