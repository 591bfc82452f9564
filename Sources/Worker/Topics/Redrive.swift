import Events
import Kafka
import Pipeline

/// Puts dead letters back on the input, after a fix: those that are customer events by now, each as it was, into the partition
/// that it came from.
///
/// A redriven message says which message it repeats, so that the worker scores it once and takes it into state once (see
/// `PartitionState.decoderStartOffset`). It is committed together with the place in the dead-letter topic, under the guarantee
/// of the settings: a second run goes on where the first one stopped. What is still no event is copied to the
/// end of the dead-letter topic in the same commit: the group's offset moves past it, and it must not be lost by that.
package struct Redrive {
    /// What became of the dead letters so far.
    package struct Report: Sendable, Equatable {
        /// Letters put back on the input.
        package internal(set) var redriven = 0
        /// Letters that are still no customer event: they are put at the end of their topic, for the next run.
        package internal(set) var rejected = 0
        /// Letters that hold only the beginning of their message: the whole one is where their headers say.
        package internal(set) var truncated = 0
        /// Letters of another input topic, or without the headers that say where they came from.
        package internal(set) var foreign = 0
    }

    private static let timeoutMilliseconds = 30_000

    /// How long Kafka has given nothing, and what it said meanwhile.
    private struct Silence {
        let longest: Duration
        private var since = ContinuousClock.now
        private var lastError: KafkaError?

        init(longest: Duration) { self.longest = longest }

        /// - Throws: `WorkerError` when there has been no message for too long.
        mutating func check(_ batch: MessageBatch, _ topic: String) throws(WorkerError) {
            if batch.count > 0 { (since, lastError) = (.now, nil) }
            lastError = batch.errors.last ?? lastError
            guard ContinuousClock.now - since > longest else { return }
            throw WorkerError(
                "nothing has come from \(topic) for \(longest), though dead letters are left there: "
                    + "\(lastError.map { "\($0)" } ?? "another redrive may be running"). What was driven again is committed; "
                    + "run this again once Kafka answers")
        }
    }
    private let settings: WorkerSettings
    private let longestSilence: Duration

    /// - Parameters:
    ///   - settings: the worker's, whose dead letters these are.
    ///   - longestSilence: after so long without a message it gives up; longer than a group needs to notice that a member is gone.
    package init(settings: WorkerSettings, longestSilence: Duration = .seconds(60)) {
        self.settings = settings
        self.longestSilence = longestSilence
    }

    /// Goes through what is in the dead-letter topic now, from where the last run stopped.
    /// - Throws: `WorkerError`, `KafkaError`; what has been committed until then stays.
    package func run(progress: (Report) -> Void) throws -> Report {
        guard let source = settings.deadLetterTopic else {
            throw WorkerError("dead_letters.topic is empty: there are no dead letters")
        }
        let check = try TopicCheck(settings: settings)
        try check.require([source, settings.inputTopic])
        let limits = try check.recordLimits(of: [settings.inputTopic, source])
        let group = "\(settings.group)-redrive"
        let consumer = try Consumer(
            properties: settings.kafkaProperties.consumer.merging([
                "group.id": group, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
            ]) { $1 })
        defer { consumer.close() }
        let producer = try Producer(
            properties: limits.properties(for: [settings.inputTopic, source]).merging(settings.kafkaProperties.producer)
            { $1 }
            .merging(
                settings.guarantee == .exactlyOnce ? ["transactional.id": group] : [:]
            ) { $1 })
        defer { producer.close() }
        let commitProtocol: any CommitProtocol =
            settings.guarantee == .exactlyOnce
            ? try ExactlyOnce(producer: producer, timeoutMilliseconds: Self.timeoutMilliseconds)
            : AtLeastOnce(producer: producer)
        let topics = (input: try producer.topic(named: settings.inputTopic), letters: try producer.topic(named: source))
        var remaining = try ends(of: source, consumer)
        var report = Report()
        var done: Set<PartitionOffset> = []
        let decoder = EventDecoder(format: settings.events)
        let batch = MessageBatch(capacity: 1000)
        try consumer.subscribe(to: [source])
        var silence = Silence(longest: longestSilence)
        while !remaining.isEmpty {
            try consumer.poll(into: batch, timeoutMilliseconds: 500)
            for error in batch.errors where error.remedy == .fatal { throw error }
            try silence.check(batch, source)
            var next: [Int32: Int64] = [:]
            if batch.count > 0 { try commitProtocol.begin() }
            for position in 0..<batch.count {
                let letter = batch[position]
                guard let end = remaining[letter.partition], letter.offset < end else { continue }
                try redrive(letter, to: topics, by: producer, decoder, &done, &report)
                next[letter.partition] = letter.offset + 1
            }
            if !next.isEmpty {
                let offsets = next.map { PartitionOffset(topic: source, partition: $0.key, offset: $0.value) }
                try commitProtocol.commit(offsets, of: consumer, timeoutMilliseconds: Self.timeoutMilliseconds)
                progress(report)
            }
            // The position also moves over what is no message, such as transaction markers.
            for place in try consumer.position(of: consumer.assignment) where place.offset >= 0 {
                if let end = remaining[place.partition.partition], place.offset >= end {
                    remaining[place.partition.partition] = nil
                }
            }
            for (partition, offset) in next where offset >= remaining[partition] ?? .max { remaining[partition] = nil }
        }
        return report
    }

    /// Where each partition that has something unread ends now.
    private func ends(of topic: String, _ consumer: Consumer) throws -> [Int32: Int64] {
        let count = try consumer.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds) ?? 0
        let partitions = (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
        let committed = try consumer.committed(partitions, timeoutMilliseconds: Self.timeoutMilliseconds)
        var ends: [Int32: Int64] = [:]
        for place in committed {
            let log = try consumer.watermarks(of: place.partition, timeoutMilliseconds: Self.timeoutMilliseconds)
            if max(place.offset, log.low) < log.high { ends[place.partition.partition] = log.high }
        }
        return ends
    }

    private func redrive(
        _ letter: Message, to topics: (input: Topic, letters: Topic), by producer: Producer, _ decoder: EventDecoder,
        _ done: inout Set<PartitionOffset>, _ report: inout Report
    ) throws {
        func text(_ header: String) -> String? {
            letter.header(DeadLetterHeader.prefix + header).map { String(decoding: $0, as: UTF8.self) }
        }
        guard text("topic") == settings.inputTopic, let partition = text("partition").flatMap({ Int32($0) }),
            let offset = text("offset").flatMap({ Int64($0) })
        else {
            report.foreign += 1
            return
        }
        // Under at-least-once there may be two letters of one message.
        let original = PartitionOffset(topic: settings.inputTopic, partition: partition, offset: offset)
        guard done.insert(original).inserted else { return }
        guard text("truncated") == nil else {
            report.truncated += 1
            return
        }
        if let value = letter.value { try decoder.fetchSchema(of: value) }
        guard let value = letter.value,
            (try? decoder.decode(value, timestamp: letter.timestampMilliseconds) { _ in }) != nil
        else {
            report.rejected += 1
            try producer.produce(
                to: topics.letters, partition: letter.partition, key: letter.key, value: letter.value,
                headers: letter.headers.map { Header($0.name, value: $0.value.map { Array($0) }) },
                timestampMilliseconds: letter.timestampMilliseconds)
            return
        }
        var headers = letter.headers.filter {
            !$0.name.hasPrefix(DeadLetterHeader.prefix) && $0.name != RedrivenMessage.header
        }.map { Header($0.name, value: $0.value.map { Array($0) }) }
        headers.append(Header(RedrivenMessage.header, "\(offset)"))
        try producer.produce(
            to: topics.input, partition: partition, key: letter.key, value: value, headers: headers,
            timestampMilliseconds: letter.timestampMilliseconds)
        report.redriven += 1
    }
}
