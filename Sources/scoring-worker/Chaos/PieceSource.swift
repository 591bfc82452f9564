import Ensemble
import Events
import Kafka
import Pipeline
import Scoring
import Worker

/// Publishes a history piece by piece, and has the worker's own pipeline say what must come of each message.
struct PieceSource {
    private let source: any EventSource
    private let decoder: EventDecoder
    private let topicName: String
    private let properties: [String: String]
    private let total: Int
    private var published = 0
    /// Of each model, with the states of all partitions.
    private let replays: [(pipeline: ScoringPipeline, states: [PartitionState])]

    init(command: ChaosCommand, settings: WorkerSettings, models: [ModelArtifact]) throws {
        func open() throws -> any EventSource {
            try command.history.map { try HistoryReader(path: $0, format: settings.events) }
                ?? ShopGenerator(customers: 1000, days: 365, seed: command.seed, format: settings.events)
        }
        let counting = try open()
        var count = 0
        while count < command.events ?? .max, try counting.nextMessage() != nil { count += 1 }
        total = count
        source = try open()
        topicName = settings.inputTopic
        properties = settings.kafkaProperties.producer
        let loader = ModelLoader(settings: settings)
        decoder = EventDecoder(format: settings.events)
        replays = try models.map { model in
            let pipeline = ScoringPipeline(
                decoder: EventDecoder(format: settings.events), scorer: try loader.scorer(model),
                monitor: PredictionMonitor())
            return (
                pipeline,
                (0..<command.partitions).map { _ in
                    PartitionState(timeToLiveDays: settings.timeToLiveDays, rescoring: settings.rescoring)
                }
            )
        }
    }

    /// Publishes the history up to a share of the whole, and adds the expected payloads.
    mutating func publish(share: Double, _ expectation: inout ExpectedPredictions) throws {
        // A new producer each time: a restarted broker may not know the previous one.
        let producer = try Producer(properties: properties)
        defer { producer.close() }
        let upTo = max(Int(Double(total) * share), min(total, 100))
        let topic = try producer.topic(named: topicName)
        let partitions = expectation.payloads.count
        while published < upTo, let message = try source.nextMessage() {
            published += 1
            var customerID: [UInt8] = []
            try decoder.decode(message) { customerID = Array($0.customerID) }
            try customerID.withUnsafeBytes { key in
                let partition = Int(contentHash(key) % UInt64(partitions))
                expectation.append(partition: partition, try predictions(of: message, in: partition))
                try producer.produce(
                    to: topic, partition: Int32(partition), key: key.isEmpty ? nil : key, value: message)
            }
            if published % 256 == 0 { producer.poll() }
        }
        try producer.flush(timeoutMilliseconds: 60_000)
    }

    /// What the next message of a partition leads to, by every model.
    private func predictions(
        of message: UnsafeRawBufferPointer, in partition: Int
    ) throws -> ExpectedPredictions.Expected {
        var expected = ExpectedPredictions.Expected()
        for (pipeline, states) in replays {
            let sink = PayloadHashes(namesLines: decoder.format.namesLines)
            var batch = SourceBatch()
            batch.append(SourceMessage(position: 0, offset: states[partition].stateOffset, value: message))
            batch.endRun(of: states[partition])
            _ = try pipeline.processAll(batch, into: sink)
            for (customer, hash) in sink.scheduled {
                if expected.scheduled[customer]?.add(hash) == nil { expected.scheduled[customer] = .init(hash: hash) }
            }
            if expected.payloads.isEmpty {
                expected.payloads = sink.lines.map { .init(line: $0.line, hash: $0.hash) }
            } else {
                for (place, line) in sink.lines.enumerated() { expected.payloads[place].add(line.hash) }
            }
        }
        return expected
    }
}

/// Keeps the content hashes of the payloads.
private final class PayloadHashes: RecordSink {
    private(set) var lines: [(line: Int?, hash: UInt64)] = []
    private(set) var scheduled: [(PredictionSource.Scheduled, UInt64)] = []
    private let namesLines: Bool

    init(namesLines: Bool) { self.namesLines = namesLines }

    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
        guard !prediction.isScheduled else {
            let customer = PredictionSource.Scheduled(
                instant: prediction.time, customerHash: prediction.customerHash)
            return scheduled.append((customer, contentHash(prediction.payload)))
        }
        lines.append((namesLines ? prediction.line : nil, contentHash(prediction.payload)))
    }

    func reject(_ rejected: [RejectedMessage], live: Int) {}
}
