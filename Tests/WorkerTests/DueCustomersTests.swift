import Ensemble
import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

/// More customers who are due than a turn of the stream may take.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct DueCustomersTests {
    private static let customers = 40_000

    /// One event of each customer on a day, and enough on the next for the clock to pass midnight, with more behind.
    private static var messages: [(key: [UInt8], value: [UInt8])] {
        func message(_ customer: Int, day: Int, _ second: Int) -> (key: [UInt8], value: [UInt8]) {
            let time = "10:\(10 + second / 50):\(10 + second % 50)"
            let value = Array(
                """
                {"customer_id":"c\(customer)","invoice_no":"i\(customer)-\(day)","stock_code":"s","description":"d",\
                "quantity":1,"invoice_date":"2011-02-0\(day)T\(time)","unit_price":2.5,"country":"United Kingdom"}
                """.utf8)
            return (Array("c\(customer)".utf8), value)
        }
        return (0..<customers).map { message($0, day: 1, 0) } + (0..<500).map { message($0, day: 2, $0) }
    }

    /// A worker is told to stop among them, and the next one goes on: each has one prediction, and the events behind them theirs.
    @Test func theyAreDealtWithInSlicesAndGoneOnWith() async throws {
        let broker = try BrokerProcess()
        let directory = try TemporaryDirectory()
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.checkpointDirectory = directory.path + "/checkpoints"
        settings.rescoringMilliseconds = 86_400_000
        settings.commitIntervalMilliseconds = 20
        let admin = try Admin(properties: settings.kafkaProperties.client)
        for topic in settings.topics { _ = try admin.createTopic(topic, partitions: 1) }
        admin.close()
        let messages = Self.messages
        try WorkerTests.publish(messages, settings, partition: 0)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let artifact = try ModelArtifact(path: Checkout.models)
        let first = try Worker(settings: settings, artifact: artifact, logger: logger)
        var running = Task(executorPreference: BlockingThreads.shared) { try await first.run() }
        try wait(for: "the first customers who are due") { first.counters.snapshot.rescored > 0 }
        first.requestStop()
        try await running.value
        let second = try Worker(settings: settings, artifact: artifact, logger: logger)
        running = Task(executorPreference: BlockingThreads.shared) { try await second.run() }
        try wait(for: "the rest") { second.status.partitions.first.map { $0.position == messages.count } ?? false }
        second.requestStop()
        try await running.value

        var (scheduled, events): ([PredictionSource.Scheduled], [Int64]) = ([], [])
        let reader = try Consumer.reading(
            settings.outputTopic,
            properties: settings.kafkaProperties.client.merging(["isolation.level": "read_committed"]) { $1 })
        defer { reader.close() }
        let batch = MessageBatch(capacity: 1000)
        try wait(for: "the predictions") {
            try reader.poll(into: batch, timeoutMilliseconds: 20)
            for position in 0..<batch.count {
                guard let source = PredictionSource(batch[position]) else { continue }
                if let customer = source.scheduled { scheduled.append(customer) } else { events.append(source.offset) }
            }
            return batch.count == 0 && events.count >= messages.count
        }
        #expect(scheduled.count == Self.customers && Set(scheduled).count == Self.customers)
        #expect(Set(scheduled.map(\.instant)) == [1_296_604_800_000], "midnight of 2 February")
        #expect(events == Array(0..<Int64(messages.count)))
    }
}
