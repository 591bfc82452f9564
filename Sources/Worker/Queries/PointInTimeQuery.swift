import Customers
import Dispatch
import Events
import Kafka
import Pipeline
import Synchronization

/// Answers how a customer stood at an earlier time, by reading the partition's log again: a state only moves forward, so that
/// what has left a window cannot be had from it.
///
/// It takes in what the partition's thread has taken in, in the order of the log, except for the customer's events that are
/// later than that time. One query reads at a time, with a consumer of its own that is in no group; the stream goes on.
final class PointInTimeQuery: Sendable {
    /// Below the time that an HTTP request has by the standard settings, so that the answer says why it takes too long.
    private static let timeout = Duration.seconds(8)

    private let settings: WorkerSettings
    private let isReading = Atomic(false)
    private let queue = DispatchQueue(label: "point-in-time-query", qos: .utility)

    init(_ settings: WorkerSettings) { self.settings = settings }

    /// - Parameters:
    ///   - report: how the customer stands now.
    ///   - time: milliseconds.
    /// - Returns: `nil` when the customer had no event up to then, or was forgotten by then.
    /// - Throws: `QueryError` when another query is being answered, the log cannot be read, or does not reach back.
    /// - Complexity: O(messages of the partition); each is decoded.
    func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport? {
        guard isReading.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else {
            throw QueryError.busy
        }
        let deadline = ContinuousClock.now + Self.timeout
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                let result = Result { try read(report, time, until: deadline) }
                isReading.store(false, ordering: .releasing)
                continuation.resume(with: result)
            }
        }
    }

    private func read(
        _ report: CustomerReport, _ time: Int64, until deadline: ContinuousClock.Instant
    ) throws(QueryError) -> CustomerReport? {
        let partition = TopicPartition(topic: report.topic, partition: report.partition)
        var reading = Reading(report, time, settings)
        do {
            try read(partition, &reading, until: deadline)
        } catch {
            throw .unreadable("\(partition) cannot be read again: \(error)")
        }
        if let end = reading.earlyEnd {
            throw .unreadable(
                "\(partition) ends at offset \(end), and the state is of \(report.position): a replica that is behind, or "
                    + "another log")
        }
        guard reading.isDone else {
            throw .notInLog(
                "\(partition) is too long to be read again while you wait: of offsets \(reading.start) to \(report.position) "
                    + "it came to \(reading.next); `replay score` walks a history of any length")
        }
        let customer = reading.customer
        if customer == nil, reading.start > 0 {
            throw .notInLog("\(partition) begins at offset \(reading.start), and what came before has been cut from it")
        }
        return customer
    }

    private func read(
        _ partition: TopicPartition, _ reading: inout Reading, until deadline: ContinuousClock.Instant
    ) throws {
        let own = ["enable.partition.eof": "true", "queued.max.messages.kbytes": "65536"]
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer.merging(own) { $1 })
        defer { consumer.close() }
        let start = try consumer.watermarks(of: partition, timeoutMilliseconds: 5000).low
        if start < reading.decoderStartOffset {
            // Messages were understood otherwise at first: which of them were redriven stands further on.
            reading.begin(from: start)
            try walk(partition, by: consumer, &reading, until: deadline) { $0.noteRedriven($1) }
            guard reading.isDone, reading.earlyEnd == nil else { return }
        }
        reading.begin(from: start)
        try walk(partition, by: consumer, &reading, until: deadline) { try $0.take($1) }
    }

    /// Reads the log until the reading is done, or the time is over.
    private func walk(
        _ partition: TopicPartition, by consumer: Consumer, _ reading: inout Reading,
        until deadline: ContinuousClock.Instant, _ take: (inout Reading, Message) throws -> Void
    ) throws {
        try consumer.assign([PartitionOffset(partition, offset: reading.start)])
        let batch = MessageBatch(capacity: 1000)
        var lastError: KafkaError?
        while !reading.isDone, reading.earlyEnd == nil {
            // An error since the last message is why the time was too short; otherwise the log is too long.
            guard ContinuousClock.now < deadline else {
                if let lastError { throw lastError }
                return
            }
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            if batch.count > 0 { lastError = nil }
            for error in batch.errors {
                guard error.remedy == .retry else { throw error }
                lastError = error
            }
            for position in 0..<batch.count where !reading.isDone { try take(&reading, batch[position]) }
            // The last offsets may be transaction markers, which are no messages.
            for end in batch.ends { reading.end(at: end.offset) }
        }
    }

    /// The customer's state as the log's messages come.
    private struct Reading {
        private let now: CustomerReport
        private let time: Int64
        private let customerID: [UInt8]
        private let customerHash: UInt64
        private let decoder: EventDecoder
        private var events: [CustomerEvent] = []
        private var table: CustomerTable
        private(set) var start: Int64 = 0
        private(set) var next: Int64 = 0
        private(set) var isDone = false
        /// Messages that the state holds where they were redriven, and not where they stand.
        private var heldAsRedriven: Set<Int64> = []
        /// Where the log ended, if that was too early.
        private(set) var earlyEnd: Int64?

        init(_ report: CustomerReport, _ time: Int64, _ settings: WorkerSettings) {
            now = report
            self.time = time
            customerID = Array(report.customerID.utf8)
            customerHash = contentHash(of: report.customerID)
            decoder = EventDecoder(format: settings.events)
            table = CustomerTable(timeToLiveDays: settings.timeToLiveDays)
        }

        /// From this offset on the state's messages were understood as they are now.
        var decoderStartOffset: Int64 { now.decoderStartOffset }

        mutating func begin(from offset: Int64) {
            start = offset
            next = offset
            isDone = offset >= now.position
        }

        /// The log has no message at this offset or beyond.
        mutating func end(at offset: Int64) {
            if offset >= now.position { isDone = true } else { earlyEnd = offset }
        }

        private mutating func advance(to message: Message) -> Bool {
            next = message.offset + 1
            isDone = next >= now.position
            return next <= now.position
        }

        /// Notes a message whose original was no event when the state took it in.
        mutating func noteRedriven(_ message: Message) {
            guard advance(to: message),
                let original = RedrivenMessage.originalOffset(message.header(RedrivenMessage.header)),
                original < message.offset, original < decoderStartOffset
            else { return }
            heldAsRedriven.insert(original)
        }

        /// Takes a message in as the partition's thread has.
        mutating func take(_ message: Message) throws(SchemaUnavailable) {
            guard advance(to: message), !heldAsRedriven.contains(message.offset) else { return }
            if let original = RedrivenMessage.originalOffset(message.header(RedrivenMessage.header)),
                RedrivenMessage.isInLog(original, before: message.offset, from: decoderStartOffset)
            {
                return
            }
            guard let value = message.value else { return }
            try decoder.fetchSchema(of: value)
            events.removeAll(keepingCapacity: true)
            // A message that is none is no event of it either.
            let isUnderstood =
                (try? decoder.decode(value, timestamp: message.timestampMilliseconds) { events.append($0) }) != nil
            guard isUnderstood else { return }
            for event in events where !event.isAnonymous { take(event) }
        }

        private mutating func take(_ event: CustomerEvent) {
            guard event.customerHash == customerHash, event.customerID.elementsEqual(customerID) else {
                // The partition's clock forgets customers; at that time it had not come further than this.
                if event.time <= time { table.observe(event.time) }
                return
            }
            guard event.time <= time else { return }
            if table.isRepetition(event) { table.observe(event.time) } else { table.update(event) }
        }

        var customer: CustomerReport? {
            customerID.withUnsafeBytes { bytes in
                table.index(of: bytes, hash: customerHash, at: time).map { index in
                    CustomerReport(
                        customerID: now.customerID, topic: now.topic, partition: now.partition,
                        state: table.states[index], isStateComplete: start == 0, position: next,
                        decoderStartOffset: now.decoderStartOffset)
                }
            }
        }
    }
}
