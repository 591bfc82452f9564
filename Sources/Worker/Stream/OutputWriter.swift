import Events
import Kafka
import Pipeline
import Scoring

/// Publishes everything that a thread publishes: predictions, feature rows, outcomes, dead letters, checkpoint records.
///
/// Nothing else calls `produce`, so that one place decides what an error of it means.
final class OutputWriter: RecordSink {
    let producer: Producer
    let commitProtocol: any CommitProtocol
    let settings: WorkerSettings
    private let predictions: Topic
    private let challengers: Topic?
    private let features: Topic?
    private let outcomes: Topic?
    private let deadLetters: Topic?
    private let limits: RecordLimits
    /// The largest prediction; no limit where the producer compresses, so that the broker alone can tell.
    private let predictionLimit: Int
    let refused: RefusedSources
    private var rejectionLimit: RejectionLimit
    private let source: PredictionSource.Writer
    /// Whether each line of a message has a prediction, so that its source names the line.
    private let namesLines: Bool
    /// The consumer's messages, for dead letters, which repeat all of a message.
    private let messages: MessageBatch
    private let reporter: ThreadReporter
    private let placement: PlacementCheck
    static let firstIsolationTimeout = 2000
    /// How long a record that is sent alone may take, milliseconds; longer after each failure.
    var isolationTimeout = firstIsolationTimeout
    /// Failed deliveries that an aborted transaction has made up for.
    private var failuresBeforeAbort = 0

    /// - Parameters:
    ///   - commitProtocol: is told before the first record after a commit.
    ///   - messages: the batch that the source messages' positions refer to.
    ///   - limits: how large records of the topics may be.
    ///   - refused: what the broker has refused before.
    init(
        settings: WorkerSettings, producer: Producer, commitProtocol: any CommitProtocol, messages: MessageBatch,
        limits: RecordLimits, refused: RefusedSources, placement: PlacementCheck, reporter: ThreadReporter
    ) throws(KafkaError) {
        func topic(_ name: String?) throws(KafkaError) -> Topic? {
            guard let name else { return nil }
            return try producer.topic(named: name)
        }
        self.producer = producer
        self.commitProtocol = commitProtocol
        self.messages = messages
        self.placement = placement
        self.reporter = reporter
        self.settings = settings
        self.limits = limits
        self.refused = refused
        let compression = settings.kafkaProperties.producer["compression.type"] ?? "none"
        predictionLimit = compression == "none" ? limits.limit(of: settings.outputTopic) : .max
        predictions = try producer.topic(named: settings.outputTopic)
        challengers = try topic(settings.challengersTopic)
        features = try topic(settings.featuresTopic)
        outcomes = try topic(settings.outcomesTopic)
        deadLetters = try topic(settings.deadLetterTopic)
        rejectionLimit = RejectionLimit(
            maxFraction: settings.deadLetterMaxFraction, window: settings.deadLetterWindow)
        source = PredictionSource.Writer(topic: settings.inputTopic)
        namesLines = settings.events.namesLines
    }

    // MARK: Records

    var takesOutcomes: Bool { outcomes != nil }

    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        if prediction.isScheduled { return try publishScheduled(prediction, behind: message.offset, in: partition) }
        placement.check(
            key: messages[message.position].key, customerID: prediction.customerID,
            customerHash: prediction.customerHash,
            partition: partition.number)
        let size = RecordLimits.size(key: prediction.customerID.count, value: prediction.payload.count, headers: 128)
        if size > predictionLimit {
            return try refuse(
                message, in: partition,
                reason:
                    "its prediction takes \(size) bytes, and topic \(settings.outputTopic) \(predictionLimit) at most "
                    + "(max.message.bytes)")
        }
        guard !refused.isEmpty else { return try send(prediction, of: message, in: partition) }
        let place = RefusedSources.Place(
            partition: partition.number, offset: message.offset, line: namesLines ? prediction.line : nil)
        switch refused.times(.prediction, of: place) {
        case 0: try send(prediction, of: message, in: partition)
        case 2... where settings.whenRefused == .deadLetter:
            try refuse(message, in: partition, reason: refused.reason(.prediction, of: place))
        default: try isolate { try send(prediction, of: message, in: partition) }
        }
    }

    @inline(__always)
    private func send(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        let source = source.write(
            partition: partition.number, offset: message.offset, timestampMilliseconds: message.timestampMilliseconds,
            line: namesLines ? prediction.line : nil)
        try send(prediction, source: source)
    }

    @inline(__always)
    private func send(_ prediction: Scorer.Prediction, source: UnsafeRawBufferPointer) throws {
        try produce(to: predictions, key: prediction.customerID, value: prediction.payload, source: source)
        if let features {
            try produce(to: features, key: prediction.customerID, value: prediction.features, source: source)
        }
    }

    /// One that is too large, or that the broker refuses when it is sent alone, is left out and said so.
    func publish(challenger: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        guard let challengers, let topic = settings.challengersTopic, !challenger.payload.isEmpty else { return }
        let scheduled =
            challenger.isScheduled
            ? PredictionSource.Scheduled(instant: challenger.time, customerHash: challenger.customerHash) : nil
        let line = namesLines && scheduled == nil ? challenger.line : nil
        let place = RefusedSources.Place(
            partition: partition.number, offset: message.offset, line: line, scheduled: scheduled)
        let name = "\(partition.topic)[\(partition.number)]@\(message.offset)"
        let size = RecordLimits.size(key: challenger.customerID.count, value: challenger.payload.count, headers: 128)
        guard predictionLimit == .max || size <= limits.limit(of: topic) else {
            return reporter.refused(
                name, reason: "a challenger's prediction takes \(size) bytes, too many for \(topic)")
        }
        func send() throws {
            let (key, value) = (challenger.customerID, challenger.payload)
            guard let scheduled else {
                let source = source.write(
                    partition: partition.number, offset: message.offset,
                    timestampMilliseconds: message.timestampMilliseconds, line: line)
                return try produce(to: challengers, key: key, value: value, source: source)
            }
            try source.withScheduled(partition: partition.number, offset: message.offset, scheduled) { source in
                try produce(to: challengers, key: key, value: value, source: source)
            }
        }
        switch refused.times(.challenger, of: place) {
        case 0: try send()
        case 1: try isolate(send)
        default: reporter.refused(name, reason: refused.reason(.challenger, of: place))
        }
    }

    /// Publishes the prediction of an instant of the schedule.
    /// - Parameter offset: of the message whose event passed the instant.
    private func publishScheduled(
        _ prediction: Scorer.Prediction, behind offset: Int64, in partition: PartitionState
    ) throws {
        let scheduled = PredictionSource.Scheduled(instant: prediction.time, customerHash: prediction.customerHash)
        let place = RefusedSources.Place(
            partition: partition.number, offset: offset, line: nil, scheduled: scheduled)
        try source.withScheduled(partition: partition.number, offset: offset, scheduled) { source in
            switch refused.times(.prediction, of: place) {
            case 0: try send(prediction, source: source)
            // No message of its own could become a dead letter.
            case 2... where settings.whenRefused == .deadLetter:
                reporter.refused(
                    String(decoding: source, as: UTF8.self), reason: refused.reason(.prediction, of: place))
            default: try isolate { try send(prediction, source: source) }
            }
        }
    }

    /// Does what is configured about a message whose prediction cannot be published.
    private func refuse(_ message: SourceMessage, in partition: PartitionState, reason: String) throws {
        let name = "\(partition.topic)[\(partition.number)]@\(message.offset)"
        guard settings.whenRefused == .deadLetter else {
            throw WorkerError(
                "\(name): \(reason). Raise that, or set output.when_refused: dead_letter to go on without such predictions"
            )
        }
        reporter.refused(name, reason: reason)
        try letter(messages[message.position], reason: reason)
    }

    func publish(_ outcome: OutcomeRecord, in partition: PartitionState) throws {
        guard let outcomes else { return }
        let line = namesLines && !outcome.isScheduled ? outcome.predictionLine : nil
        let place = RefusedSources.Place(
            partition: partition.number, offset: outcome.predictionOffset, line: line, scheduled: outcome.scheduled)
        switch refused.times(.outcome, of: place) {
        case 0: try send(outcome, to: outcomes, line: line, in: partition)
        // It stands in no message that is at hand.
        case 2... where settings.whenRefused == .deadLetter: break
        default: try isolate { try send(outcome, to: outcomes, line: line, in: partition) }
        }
    }

    private func send(_ outcome: OutcomeRecord, to outcomes: Topic, line: Int?, in partition: PartitionState) throws {
        let source = PredictionSource.text(
            topic: partition.topic, partition: partition.number, offset: outcome.predictionOffset,
            line: line, outcome.scheduled)
        try Array(source.utf8).withUnsafeBytes { source in
            try outcome.customerID.withUnsafeBytes { key in
                try outcome.payload.withUnsafeBytes { value in
                    try produce(to: outcomes, key: key, value: value, source: source)
                }
            }
        }
    }

    func reject(_ rejected: [RejectedMessage], live: Int) throws {
        let example = rejected.last.map {
            "\($0.partition.topic)[\($0.partition.number)]@\($0.message.offset): \($0.reason)"
        }
        for entry in rejected { reporter.rejected(entry) }
        try rejectionLimit.count(messages: live, rejected: rejected.count, example: example)
        for entry in rejected { try letter(messages[entry.message.position], reason: "\(entry.reason)") }
    }

    /// Publishes a message as a dead letter, if there is a topic for these.
    private func letter(_ message: Message, reason: String) throws {
        guard let deadLetters, let topic = settings.deadLetterTopic else { return }
        let place = RefusedSources.Place(partition: message.partition, offset: message.offset, line: nil)
        let times = refused.times(.deadLetter, of: place)
        let letter = DeadLetter(
            message, topic: settings.inputTopic, reason: reason, limit: limits.limit(of: topic), isStub: times >= 2)
        func send() throws {
            try commitProtocol.begin()
            try translatingErrors { () throws(KafkaError) in
                try producer.produce(
                    to: deadLetters, key: letter.key, value: letter.value, headers: letter.headers,
                    timestampMilliseconds: message.timestampMilliseconds)
            }
        }
        if times == 0 { try send() } else { try isolate(send) }
    }

    @inline(__always)
    private func produce(
        to topic: Topic, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, source: UnsafeRawBufferPointer
    ) throws(KafkaError) {
        try commitProtocol.begin()
        try translatingErrors { () throws(KafkaError) in
            try producer.produce(to: topic, key: key, value: value, header: PredictionSource.header, source)
        }
    }

    /// Gives an error of `produce` the remedy that it has here.
    @inline(__always)
    private func translatingErrors(_ body: () throws(KafkaError) -> Void) throws(KafkaError) {
        do {
            try body()
        } catch {
            throw translated(error)
        }
    }

    /// After a permanent delivery error librdkafka answers every further `produce` of the transaction with a bare "wrong
    /// state": the transaction has to be aborted, and the delivery's own error says why.
    private func translated(_ error: KafkaError) -> KafkaError {
        guard commitProtocol.supportsAbort, error.isWrongState, !error.isFatal else { return error }
        producer.poll()
        return (producer.deliveryError ?? error).requiringAbort
    }

    // MARK: Deliveries

    /// Serves delivery reports and client errors.
    func poll() { producer.poll() }

    /// Whether a record could not be delivered, and no abort has made up for it: then nothing may be committed.
    var hasUndelivered: Bool { producer.failed != failuresBeforeAbort }

    /// Notes that everything since the last commit was taken back.
    func aborted() { failuresBeforeAbort = producer.failed }

    /// Drops what is not delivered.
    func close() { producer.close() }
}

extension OutputWriter: CheckpointPublisher {
    func publish(_ topic: String, partition: Int32, key: [UInt8], value: [UInt8]?) throws {
        let topic = try producer.topic(named: topic)
        try key.withUnsafeBytes { key in
            if let value {
                try value.withUnsafeBytes { try publish(topic, partition, key, $0) }
            } else {
                try publish(topic, partition, key, nil)
            }
        }
    }

    private func publish(
        _ topic: Topic, _ partition: Int32, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        try commitProtocol.begin()
        try translatingErrors { () throws(KafkaError) in
            try producer.produce(to: topic, partition: partition, key: key, value: value)
        }
    }

    var outstanding: Int { producer.outstanding }
}
