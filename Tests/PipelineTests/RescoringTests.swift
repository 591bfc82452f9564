import Customers
import Ensemble
import Events
import Monitoring
import Pipeline
import Scoring
import TestSupport
import Testing

/// Customers who are scored without an event: each once at each instant, by their events up to it, and nothing else changes.
@Suite struct RescoringTests {
    typealias Key = SlowRescoring.Key

    /// Keeps what is published, and refuses some of it.
    private final class Sink: RecordSink {
        struct Failure: Error {}

        var scheduled: [Key: [UInt8]] = [:]
        /// Those of a key that there had been before.
        var repeated = 0
        var events: [[UInt8]] = []
        var outcomes: [[UInt8]] = []
        var failsAfter: Int?
        let takesOutcomes = true

        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
            if let left = failsAfter {
                failsAfter = left > 0 ? left - 1 : nil
                if left == 0 { throw Failure() }
            }
            guard prediction.isScheduled else { return events.append(Array(prediction.payload)) }
            let key = Key(customer: String(decoding: prediction.customerID, as: UTF8.self), instant: prediction.time)
            if scheduled.updateValue(Array(prediction.payload), forKey: key) != nil { repeated += 1 }
        }
        func publish(_ outcome: OutcomeRecord, in partition: PartitionState) { outcomes.append(outcome.payload) }
    }

    private static let day = EventTime.millisecondsPerDay
    private let artifact: ModelArtifact
    private let messages: [[UInt8]]

    init() throws {
        artifact = try ModelArtifact(path: Checkout.models)
        let shop = ShopGenerator(customers: 80, days: 240, seed: 8)
        var messages: [[UInt8]] = []
        while let message = shop.nextMessage() { messages.append(Array(message)) }
        self.messages = messages
    }

    private func pipeline() -> ScoringPipeline {
        ScoringPipeline(decoder: EventDecoder(), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
    }

    private func state(
        _ pipeline: ScoringPipeline, number: Int = 0, restoreEnd: Int = 0, note: CommitNote = CommitNote(),
        period: Int64? = day
    ) -> PartitionState {
        PartitionState(
            topic: "events", number: Int32(number), startOffset: 0, restoreEndOffset: Int64(restoreEnd),
            timeToLiveDays: 730, rescoring: period.map { RescoringSchedule(period: $0) }, note: note,
            labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 1_000_000))
    }

    /// How many predictions differ, and the first of them; `nil` where none does. An expectation would print them all.
    private func difference(_ found: [Key: [UInt8]], _ expected: [Key: [UInt8]]) -> String? {
        let keys = Set(found.keys).union(expected.keys).filter { found[$0] != expected[$0] }
        guard let first = keys.min(by: { ($0.instant, $0.customer) < ($1.instant, $1.customer) }) else { return nil }
        let texts = [found, expected].map { $0[first].map { String(decoding: $0, as: UTF8.self) } ?? "none" }
        return "\(keys.count) of \(expected.count) differ, first \(first): \(texts[0]) for \(texts[1])"
    }

    /// The messages of each partition.
    private func logs(_ messages: [[UInt8]], partitions: Int) throws -> [[[UInt8]]] {
        var logs = [[[UInt8]]](repeating: [], count: partitions)
        for message in messages {
            var hash: UInt64 = 0
            _ = try message.withUnsafeBytes { try EventDecoder().decode($0) { hash = $0.customerHash } }
            logs[Int(hash % UInt64(partitions))].append(message)
        }
        return logs
    }

    /// Gives a partition's messages from where its state stands on, in batches.
    /// - Parameter rows: customers of a slice; `nil` for all who are due at once.
    private func process(
        _ log: [[UInt8]], upTo end: Int, batch size: Int, rows: Int? = nil, _ pipeline: ScoringPipeline,
        _ state: PartitionState, _ sink: Sink
    ) throws {
        while state.stateOffset < end {
            let first = Int(state.stateOffset)
            var batch = SourceBatch()
            var lent: [UnsafeMutableRawBufferPointer] = []
            defer { for bytes in lent { bytes.deallocate() } }
            for offset in first..<min(first + size, end) {
                lent.append(.allocate(byteCount: log[offset].count, alignment: 1))
                lent[lent.count - 1].copyBytes(from: log[offset])
                batch.append(
                    SourceMessage(
                        position: offset - first, offset: Int64(offset), value: UnsafeRawBufferPointer(lent.last!)))
            }
            batch.endRun(of: state)
            if let rows {
                while state.isRescoringDue { _ = try pipeline.rescore(state, rows: rows, into: sink) }
                _ = try pipeline.process(batch, into: sink)
            } else {
                _ = try pipeline.processAll(batch, into: sink)
            }
        }
    }

    @Test(arguments: [(1, 1), (1, 1000), (4, 37)]) func aShopEqualsASlowWalk(partitions: Int, batch: Int) throws {
        let periods: [Int64] = [Self.day, 7 * Self.day, 6 * 3_600_000]
        for period in periods {
            let (pipeline, sink) = (pipeline(), Sink())
            for (number, log) in try logs(messages, partitions: partitions).enumerated() {
                let state = state(pipeline, number: number, period: period)
                try process(log, upTo: log.count, batch: batch, pipeline, state, sink)
            }
            let slow = try SlowRescoring(artifact: artifact, period: period, partitions: partitions).predictions(
                messages)
            #expect(difference(sink.scheduled, slow) == nil)
            #expect(slow.count > 1000 && sink.repeated == 0)
        }
    }

    /// Runs of several models follow each other in one poll: where the first one stops, the next takes nothing.
    @Test func nothingIsPassedOverWhileCustomersAreDue() throws {
        let (pipeline, sink) = (pipeline(), Sink())
        let state = state(pipeline)
        func give(_ offsets: Range<Int>) throws {
            for offset in offsets {
                try messages[offset].withUnsafeBytes { value in
                    var batch = SourceBatch()
                    batch.append(SourceMessage(position: 0, offset: Int64(offset), value: value))
                    batch.endRun(of: state)
                    let result = try pipeline.process(batch, into: sink)
                    #expect(result.liveOfRun.count == 1)
                }
            }
        }
        var end = 0
        while !state.isRescoringDue {
            try give(end..<end + 1)
            end += 1
        }
        try give(end..<end + 50)
        #expect(state.stateOffset == Int64(end))
        _ = try pipeline.rescoreAll(state, into: sink)
        try give(end..<end + 1)
        #expect(state.stateOffset == Int64(end + 1))
    }

    @Test func eventsHaveThePredictionsThatTheyHadWithout() throws {
        let (with, without) = (Sink(), Sink())
        for (sink, period) in [(with, Self.day), (without, nil)] as [(Sink, Int64?)] {
            let pipeline = pipeline()
            let state = state(pipeline, period: period)
            try process(messages, upTo: messages.count, batch: 100, pipeline, state, sink)
        }
        let isSame = with.events == without.events
        #expect(isSame && without.scheduled.isEmpty && with.scheduled.count > 1000)
        // Beside them, the schedule's have labels too: those of one day a week.
        #expect(with.outcomes.count > without.outcomes.count)
    }

    /// A worker ends somewhere, in the middle of a day's customers too, and another one goes on by the note that is committed: from the
    /// log's start, and where a transaction is taken back.
    @Test func whoeverGoesOnRepeatsNothingAndLeavesNothingOut() throws {
        let whole = Sink()
        try process(messages, upTo: messages.count, batch: 64, pipeline(), state(pipeline()), whole)
        var random = SplitMix64(seed: 3)
        for _ in 0..<6 {
            let sink = Sink()
            var (note, end) = (CommitNote(), 0)
            while end < messages.count {
                let pipeline = pipeline()
                let state = state(pipeline, restoreEnd: end, note: note)
                try process(messages, upTo: end, batch: 64, rows: 10, pipeline, state, sink)
                let next = min(end + 1 + Int(random.next() % 3000), messages.count)
                try process(messages, upTo: next, batch: 64, rows: 10, pipeline, state, sink)
                // A commit in the middle of those who are due.
                for _ in 0..<random.next() % 4 where state.isRescoringDue {
                    _ = try pipeline.rescore(state, rows: 7, into: sink)
                }
                note = CommitNote(state.note.text)
                #expect(note == state.note)
                end = Int(state.stateOffset)
            }
            let (last, lastPipeline) = (state(pipeline(), restoreEnd: end, note: note), pipeline())
            try process(messages, upTo: end, batch: 64, rows: 10, lastPipeline, last, sink)
            while last.isRescoringDue { _ = try lastPipeline.rescore(last, rows: 10, into: sink) }
            let isSame = sink.events == whole.events
            #expect(difference(sink.scheduled, whole.scheduled) == nil)
            #expect(sink.repeated == 0 && isSame)
        }
    }

    /// A purchase, so many days and seconds after the first of January 2011.
    private static func purchase(_ customer: String, day: Int, second: Int = 0) -> [UInt8] {
        let time = EventTime.text(1_293_840_000_000 + Int64(day) * Self.day + Int64(second) * 1000)
        return Array(
            """
            {"customer_id":"\(customer)","invoice_no":"\(customer)-\(day)","stock_code":"s","description":"d","quantity":1,\
            "invoice_date":"\(time)","unit_price":2.5,"country":"France"}
            """.utf8)
    }

    /// The schedule begins with the clock, in the middle of a batch or between two.
    @Test func lateEventsOfAFreshPartitionDependOnNoBatch() throws {
        let messages =
            (0..<64).map { Self.purchase("c\($0)", day: 10, second: $0) }
            + [Self.purchase("late", day: 5), Self.purchase("late", day: 7, second: 3600)]
            + (0..<200).map { Self.purchase("d\($0)", day: 11 + $0 / 70, second: $0) }
        var found: [[Key: [UInt8]]] = []
        for size in [1, 64, 65, 1000] {
            let (pipeline, sink) = (pipeline(), Sink())
            try process(messages, upTo: messages.count, batch: size, pipeline, state(pipeline), sink)
            found.append(sink.scheduled)
        }
        for other in found.dropFirst() { #expect(difference(other, found[0]) == nil) }
        #expect(found[0].count > 64)
    }

    /// A prediction without an event does not keep its customer: where one is forgotten before the label is known, it is not graded.
    @Test func whatIsGradedHasAnOutcome() throws {
        var messages = [Self.purchase("gone", day: 0)]
        for day in 0..<450 {
            for second in 0..<66 { messages.append(Self.purchase("stays", day: day, second: 36_000 + second)) }
        }
        let pipeline = pipeline()
        for size in [1, 500] {
            let sink = Sink()
            let state = PartitionState(
                topic: "events", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 365,
                rescoring: RescoringSchedule(period: Self.day),
                labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 1_000_000))
            try process(messages, upTo: messages.count, batch: size, pipeline, state, sink)
            let scored = sink.scheduled.keys.filter { $0.customer == "gone" }
            // Bought at the first midnight, and forgotten when the clock is at 10:00 of day 365.
            #expect(scored.count == 364)
            let horizon = Int64(artifact.schema.horizon.days) * Self.day
            // 3 January 2011 is a Monday; the last ones are within 30 days of being forgotten when the horizon is over.
            let graded = scored.filter { key in
                (key.instant - 1_294_012_800_000) % (7 * Self.day) == 0
                    && key.instant - 1_293_840_000_000 + horizon + 30 * Self.day <= 365 * Self.day
            }
            let outcomes = sink.outcomes.map { String(decoding: $0, as: UTF8.self) }
            // The event's own prediction has one too.
            #expect(outcomes.count { $0.contains("\"gone\"") } == graded.count + 1 && graded.count > 40)
        }
    }

    @Test func whatIsTakenBackIsDoneAgain() throws {
        let whole = Sink()
        try process(messages, upTo: messages.count, batch: 64, pipeline(), state(pipeline()), whole)
        let (pipeline, sink) = (pipeline(), Sink())
        let state = state(pipeline)
        var random = SplitMix64(seed: 4)
        var undone = 0
        while state.stateOffset < messages.count {
            state.setUndoPoint()
            let before = (sink.scheduled, sink.events, sink.outcomes)
            sink.failsAfter = random.next() % 3 == 0 ? Int(random.next() % 400) : nil
            do {
                for _ in 0..<random.next() % 3 where state.isRescoringDue {
                    _ = try pipeline.rescore(state, rows: 20, into: sink)
                }
                if !state.isRescoringDue {
                    try process(
                        messages, upTo: min(Int(state.stateOffset) + 200, messages.count), batch: 50, rows: 20,
                        pipeline, state, sink)
                }
            } catch is Sink.Failure {
                undone += 1
                pipeline.discardPending()
                #expect(state.undo() != nil)
                (sink.scheduled, sink.events, sink.outcomes) = before
            }
        }
        sink.failsAfter = nil
        while state.isRescoringDue { _ = try pipeline.rescore(state, rows: 20, into: sink) }
        #expect(undone > 10 && sink.repeated == 0)
        let isSame = sink.events == whole.events && sink.outcomes == whole.outcomes
        #expect(difference(sink.scheduled, whole.scheduled) == nil)
        #expect(isSame)
    }

    @Test(.enabled(if: RealHistory.path != nil, "\(RealHistory.skipped)"), arguments: [1, 4])
    func theRealHistoryEqualsASlowWalk(partitions: Int) throws {
        let reader = try HistoryReader(path: RealHistory.path!)
        var messages: [[UInt8]] = []
        while let message = try reader.nextMessage() { messages.append(Array(message)) }
        let (pipeline, sink) = (pipeline(), Sink())
        for (number, log) in try logs(messages, partitions: partitions).enumerated() {
            let state = state(pipeline, number: number)
            try process(log, upTo: log.count / 2, batch: 1024, rows: 500, pipeline, state, sink)
            // Another worker goes on.
            let next = self.state(pipeline, number: number, restoreEnd: Int(state.stateOffset), note: state.note)
            try process(log, upTo: log.count, batch: 1024, rows: 500, pipeline, next, sink)
            while next.isRescoringDue { _ = try pipeline.rescore(next, rows: 500, into: sink) }
        }
        let slow = try SlowRescoring(artifact: artifact, period: Self.day, partitions: partitions).predictions(messages)
        #expect(slow.count > 700_000 && sink.repeated == 0)
        #expect(difference(sink.scheduled, slow) == nil)
    }
}
