import Customers
import Ensemble
import Events
import Kafka
import Scoring
import Worker

/// A history that is published piece by piece, together with the payload that a replay makes of each event.
struct PieceSource {
    private let source: any EventSource
    private let encoder: EventEncoder
    private let topicName: String
    private let properties: [String: String]
    private let total: Int
    private var published = 0
    private var scorer: Scorer
    private var table: CustomerTable

    init(command: ChaosCommand, settings: WorkerSettings) throws {
        func open() throws -> any EventSource {
            try command.history.map { try HistoryReader(path: $0, names: settings.fields) }
                ?? ShopGenerator(customers: 1000, days: 365, seed: command.seed)
        }
        let counting = try open()
        var count = 0
        while count < command.events ?? .max, try counting.nextFields() != nil { count += 1 }
        total = count
        source = try open()
        encoder = EventEncoder(names: settings.fields)
        topicName = settings.inputTopic
        properties = settings.producerProperties
        scorer = try settings.scorer(settings.artifact())
        table = CustomerTable(timeToLiveDays: settings.timeToLiveDays)
    }

    /// Publishes the history up to a share of the whole, and adds the expected payloads.
    mutating func publish(share: Double, _ expectation: inout Expectation) throws {
        // A new producer each time: a restarted broker may not know the previous one.
        let producer = try Producer(properties: properties)
        defer { producer.close() }
        let upTo = max(Int(Double(total) * share), min(total, 100))
        let topic = try producer.topic(named: topicName)
        let partitions = expectation.payloads.count
        var message: [UInt8] = []
        while published < upTo, let fields = try source.nextFields() {
            published += 1
            message.removeAll(keepingCapacity: true)
            encoder.append(fields, to: &message)
            let event = try CustomerEvent(fields, names: source.names)
            let partition = Int(contentHash(event.customerID) % UInt64(partitions))
            var payload: UInt64?
            if !event.isAnonymous {
                scorer.add(event, tag: 0, to: &table)
                scorer.score { payload = contentHash($0.payload) }
            }
            expectation.append(partition: partition, payload: payload)
            try message.withUnsafeBytes { value in
                try producer.produce(
                    to: topic, partition: Int32(partition), key: event.isAnonymous ? nil : event.customerID,
                    value: value)
            }
            if published % 256 == 0 { producer.poll() }
        }
        try producer.flush(timeoutMilliseconds: 60_000)
    }
}
