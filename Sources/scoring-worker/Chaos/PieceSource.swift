import Events
import Kafka
import Pipeline
import Scoring
import Worker

/// Publishes a history piece by piece, and has the worker's own pipeline say what must come of each message.
struct PieceSource {
    private let source: any EventSource
    private let encoder: EventEncoder
    private let topicName: String
    private let properties: [String: String]
    private let total: Int
    private var published = 0
    private let pipeline: ScoringPipeline
    /// By partition.
    private let states: [PartitionState]

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
        properties = settings.kafkaProperties.producer
        let loader = ModelLoader(settings: settings)
        pipeline = ScoringPipeline(
            decoder: EventDecoder(names: settings.fields), scorer: try loader.scorer(loader.artifact()),
            monitor: PredictionMonitor())
        states = (0..<command.partitions).map { _ in PartitionState(timeToLiveDays: settings.timeToLiveDays) }
    }

    /// Publishes the history up to a share of the whole, and adds the expected payloads.
    mutating func publish(share: Double, _ expectation: inout ExpectedPredictions) throws {
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
            try message.withUnsafeBytes { value in
                expectation.append(partition: partition, payload: try payload(of: value, in: states[partition]))
                try producer.produce(
                    to: topic, partition: Int32(partition), key: event.isAnonymous ? nil : event.customerID,
                    value: value)
            }
            if published % 256 == 0 { producer.poll() }
        }
        try producer.flush(timeoutMilliseconds: 60_000)
    }

    /// The content hash of the payload that the next message of a partition leads to; `nil` if it leads to none.
    private func payload(of message: UnsafeRawBufferPointer, in partition: PartitionState) throws -> UInt64? {
        let sink = PayloadHash()
        var batch = SourceBatch()
        batch.append(SourceMessage(position: 0, offset: partition.stateOffset, value: message))
        batch.endRun(of: partition)
        _ = try pipeline.process(batch, into: sink)
        return sink.hash
    }
}

/// Keeps the content hash of the last payload.
private final class PayloadHash: RecordSink {
    private(set) var hash: UInt64?

    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
        hash = contentHash(prediction.payload)
    }

    func reject(_ rejected: [RejectedMessage], live: Int) {}
}
