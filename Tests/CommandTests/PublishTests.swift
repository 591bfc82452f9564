import Events
import Foundation
import Kafka
import TestSupport
import Testing

/// Publishing a history leaves nobody in doubt about what is on the topic.
@Suite(.waiting) struct PublishTests {
    let broker: EmbeddedBroker
    let directory: TemporaryDirectory

    init() throws {
        broker = try EmbeddedBroker()
        directory = try TemporaryDirectory()
        _ = try broker.createTopic("events", partitions: 2)
    }

    /// A minute lies between two events.
    func history(_ count: Int, endingWith last: String = "") throws -> String {
        let lines = (0..<count).map {
            String(
                decoding: SampleEvent(
                    customer: "\($0 % 7)", invoice: "\($0)", time: 1_291_191_960_000 + Int64($0) * 60_000
                ).json,
                as: UTF8.self)
        }
        return try directory.file("history.ndjson", lines.joined(separator: "\n") + "\n" + last)
    }

    func command(_ history: String, _ options: [String] = []) -> [String] {
        ["publish", "--history", history, "--topic", "events", "--brokers", broker.bootstrapServers] + options
    }

    /// The invoices on the topic.
    func published() throws -> [String] {
        let consumer = try Consumer.reading(
            "events", properties: ["bootstrap.servers": broker.bootstrapServers, "enable.partition.eof": "true"])
        defer { consumer.close() }
        let batch = MessageBatch(capacity: 1000)
        var invoices: [String] = []
        let decoder = EventDecoder()
        // Each partition says where it ends.
        var open: Set<Int32> = [0, 1]
        let deadline = ContinuousClock.now + .seconds(60)
        while !open.isEmpty, ContinuousClock.now < deadline {
            try consumer.poll(into: batch, timeoutMilliseconds: 50)
            for end in batch.ends { open.remove(end.partition.partition) }
            for position in 0..<batch.count {
                guard let value = batch[position].value else { continue }
                invoices.append(String(decoding: try decoder.event(in: value).invoiceNo, as: UTF8.self))
            }
        }
        return invoices
    }

    @Test func nothingIsPublishedOfAHistoryWithAnErrorInIt() throws {
        let history = try history(500, endingWith: "{\"customer_id\": \"1\"}\n")
        let result = try Command("replay", command(history))
        #expect(result.status == 1 && result.error.contains("history.ndjson:501"))
        #expect(try published() == [])
    }

    @Test func aHistoryIsGoneOnWithWhereItWasStopped() throws {
        let history = try history(900)
        let process = Process()
        process.executableURL = Command.executable("replay")
        // A minute of the history in 10 ms.
        process.arguments = command(history, ["--speed", "6000"])
        process.currentDirectoryURL = Command.workingDirectory
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        Thread.sleep(forTimeInterval: 2)
        kill(process.processIdentifier, SIGINT)
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        let advice = try #require(
            said.firstMatch(of: /stopped: (\d+) of 900 events are on events: go on with --skip (\d+)/))
        #expect(advice.1 == advice.2)
        let skip = try #require(Int(advice.1))
        #expect(skip > 0 && skip < 900)
        #expect(try published().count == skip)
        let rest = try Command("replay", command(history, ["--skip", "\(skip)"]))
        #expect(rest.status == 0, "\(rest.error)")
        let invoices = try published()
        #expect(invoices.count == 900 && Set(invoices).count == 900)
        #expect(try Command("replay", command(history, ["--skip", "901"])).status != 0)
    }
}
