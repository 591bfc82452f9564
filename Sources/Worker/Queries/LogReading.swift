import Customers
import Events
import Kafka
import Pipeline

/// Customers' states as the log's messages come: what the partition's thread has taken in, taken in once more.
struct LogReading {
    private let now: CustomerReport
    private let time: Int64
    /// Identifiers by hash.
    private let customers: [UInt64: [UInt8]]
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

    /// - Parameters:
    ///   - reports: of one partition at one moment; at least one.
    ///   - time: later events do not count, milliseconds.
    init(_ reports: [CustomerReport], until time: Int64, _ settings: WorkerSettings) {
        now = reports[0]
        self.time = time
        customers = Dictionary(reports.map { (contentHash(of: $0.customerID), Array($0.customerID.utf8)) }) { $1 }
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
        guard let customerID = customers[event.customerHash], event.customerID.elementsEqual(customerID) else {
            // The partition's clock forgets customers; at that time it had not come further than this.
            if event.time <= time { table.observe(event.time) }
            return
        }
        guard event.time <= time else { return }
        if table.isRepetition(event) { table.observe(event.time) } else { table.update(event) }
    }

    /// How a customer stands at a moment; `nil` where there was no event of theirs, or they were forgotten by then.
    func customer(_ report: CustomerReport, at moment: Int64) -> CustomerReport? {
        Array(report.customerID.utf8).withUnsafeBytes { bytes in
            table.index(of: bytes, hash: contentHash(of: report.customerID), at: moment).map { index in
                CustomerReport(
                    customerID: report.customerID, topic: now.topic, partition: now.partition,
                    state: table.states[index], isStateComplete: start == 0, position: next,
                    decoderStartOffset: now.decoderStartOffset)
            }
        }
    }

    /// Reads a partition's log from its start until the reading is done, or the time is over.
    static func read(
        _ partition: TopicPartition, into reading: inout LogReading, _ settings: WorkerSettings,
        until deadline: ContinuousClock.Instant, isStopped: () -> Bool = { false }
    ) throws {
        let own = ["enable.partition.eof": "true", "queued.max.messages.kbytes": "65536"]
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer.merging(own) { $1 })
        defer { consumer.close() }
        let start = try consumer.watermarks(of: partition, timeoutMilliseconds: 5000).low
        if start < reading.decoderStartOffset {
            // Messages were understood otherwise at first: which of them were redriven stands further on.
            reading.begin(from: start)
            try walk(partition, by: consumer, &reading, until: deadline, isStopped) { $0.noteRedriven($1) }
            guard reading.isDone, reading.earlyEnd == nil else { return }
        }
        reading.begin(from: start)
        try walk(partition, by: consumer, &reading, until: deadline, isStopped) { try $0.take($1) }
    }

    /// Reads the log until the reading is done, or the time is over.
    private static func walk(
        _ partition: TopicPartition, by consumer: Consumer, _ reading: inout LogReading,
        until deadline: ContinuousClock.Instant, _ isStopped: () -> Bool,
        _ take: (inout LogReading, Message) throws -> Void
    ) throws {
        try consumer.assign([PartitionOffset(partition, offset: reading.start)])
        let batch = MessageBatch(capacity: 1000)
        var lastError: KafkaError?
        while !reading.isDone, reading.earlyEnd == nil, !isStopped() {
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
}
