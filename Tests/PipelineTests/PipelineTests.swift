import Customers
import Ensemble
import Events
import Monitoring
import Pipeline
import Scoring
import TestSupport
import Testing

/// The pipeline without Kafka: arrays in, arrays out.
@Suite struct PipelineTests {
    let artifact: ModelArtifact
    /// A shop's messages, by partition.
    var logs: [[[UInt8]]]

    init() throws {
        artifact = try ModelArtifact(path: Checkout.models)
        logs = try Self.logs(partitions: 2)
    }

    static func logs(partitions: Int) throws -> [[[UInt8]]] {
        let encoder = EventEncoder()
        let shop = ShopGenerator(customers: 60, days: 200, seed: 5)
        var logs = [[[UInt8]]](repeating: [], count: partitions)
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            var message: [UInt8] = []
            encoder.append(fields, to: &message)
            let event = try eventDecoder.event(of: fields)
            logs[Int(event.customerHash % UInt64(partitions))].append(message)
        }
        return logs
    }

    func pipeline() -> ScoringPipeline {
        ScoringPipeline(decoder: EventDecoder(), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
    }

    func states(of pipeline: ScoringPipeline, restoreEndOffset: Int64 = 0, startOffset: Int64 = 0) -> [PartitionState] {
        logs.indices.map { number in
            PartitionState(
                topic: "events", number: Int32(number), startOffset: startOffset, restoreEndOffset: restoreEndOffset,
                timeToLiveDays: 730, labelJoin: pipeline.makeLabelJoin(windowDays: 90, limit: 100_000))
        }
    }

    /// Processes the messages of each partition within these bounds.
    func process(
        _ ranges: [Range<Int64>], _ pipeline: ScoringPipeline, _ states: [PartitionState], into sink: RecordArrays
    ) throws -> ScoringPipeline.BatchResult {
        var batch = SourceBatch()
        var lent: [UnsafeMutableRawBufferPointer] = []
        defer { for bytes in lent { bytes.deallocate() } }
        for (state, range) in zip(states, ranges) {
            for offset in range {
                let message = logs[Int(state.number)][Int(offset)]
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: message.count, alignment: 1)
                bytes.copyBytes(from: message)
                lent.append(bytes)
                batch.append(
                    SourceMessage(
                        position: batch.messages.count, offset: offset, value: UnsafeRawBufferPointer(bytes)))
            }
            batch.endRun(of: state)
        }
        return try pipeline.process(batch, into: sink)
    }

    /// Processes everything in batches of so many messages a partition.
    func processAll(_ pipeline: ScoringPipeline, _ states: [PartitionState], batch: Int64, into sink: RecordArrays)
        throws
    {
        while states.contains(where: { $0.stateOffset < logs[Int($0.number)].count }) {
            let ranges = states.map { $0.stateOffset..<min($0.stateOffset + batch, Int64(logs[Int($0.number)].count)) }
            _ = try process(ranges, pipeline, states, into: sink)
        }
    }

    /// What the scorer alone makes of a partition's messages.
    func replayed(_ number: Int) throws -> [String] {
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        let decoder = EventDecoder()
        for message in logs[number] {
            try message.withUnsafeBytes {
                let event = try decoder.event(in: $0)
                if !event.isAnonymous { scorer.add(event, tag: 0, to: &table) }
            }
        }
        var payloads: [String] = []
        scorer.score { payloads.append(String(decoding: $0.payload, as: UTF8.self)) }
        return payloads
    }

    @Test(arguments: [1, 7, 1000] as [Int64])
    func publishesWhatAReplayMakes(batch: Int64) throws {
        let pipeline = pipeline()
        let sink = RecordArrays()
        try processAll(pipeline, states(of: pipeline), batch: batch, into: sink)
        for number in logs.indices {
            #expect(sink.predictions.filter { $0.partition == number }.map(\.payload) == (try replayed(number)))
        }
        #expect(sink.outcomes.count > 100)
    }

    /// An event years later resolves the label of a customer's prediction, and has the customer forgotten soon after.
    @Test func anOutcomeOfACustomerWhoIsForgottenInTheSameBatchIsPublished() throws {
        let day = 86_400_000 as Int64
        let first = SampleEvent(customer: "leaves")
        let later = (0..<200).map { SampleEvent(customer: "stays", invoice: "\($0)", time: first.time + 800 * day) }
        var changed = self
        changed.logs = [([first] + later).map(\.json)]
        var all: [[String]] = []
        for batch in [1, 5, 1000] as [Int64] {
            let pipeline = pipeline()
            let sink = RecordArrays()
            let states = changed.states(of: pipeline)
            try changed.processAll(pipeline, states, batch: batch, into: sink)
            #expect(states[0].table.count == 1, "the first customer is gone")
            all.append(sink.outcomes)
        }
        #expect(all[0].count == 1 && all[0][0].contains("\"leaves\""), "\(all[0])")
        #expect(all[1] == all[0] && all[2] == all[0])
    }

    @Test func outcomesDoNotDependOnBatches() throws {
        var all: [[String]] = []
        for batch in [1, 13, 5000] as [Int64] {
            let pipeline = pipeline()
            let sink = RecordArrays()
            try processAll(pipeline, states(of: pipeline), batch: batch, into: sink)
            all.append(sink.outcomes.sorted())
        }
        #expect(all[0] == all[1] && all[1] == all[2])
    }

    @Test func whatWasPublishedBeforeOnlyRebuildsState() throws {
        let pipeline = pipeline()
        let sink = RecordArrays()
        let states = states(of: pipeline, restoreEndOffset: 100)
        let first = try process([0..<150, 0..<50], pipeline, states, into: sink)
        #expect(first.restored == 150 && first.live == 50 && first.liveOfRun == [50, 0])
        try processAll(pipeline, states, batch: 64, into: sink)
        for number in logs.indices {
            let found = sink.predictions.filter { $0.partition == number }
            #expect(found.allSatisfy { $0.offset >= 100 })
            #expect(found.map(\.payload) == (try replayed(number)).suffix(found.count).map { $0 })
        }
    }

    @Test func aMessageThatIsTakenAlreadyIsPassedOver() throws {
        let pipeline = pipeline()
        let sink = RecordArrays()
        let states = states(of: pipeline)
        _ = try process([0..<50, 0..<50], pipeline, states, into: sink)
        let again = try process([20..<60, 0..<50], pipeline, states, into: sink)
        #expect(again.live == 10)
        try processAll(pipeline, states, batch: 64, into: sink)
        #expect(sink.predictions.filter { $0.partition == 0 }.map(\.payload) == (try replayed(0)))
    }

    @Test func rejectsWhatIsNoEvent() throws {
        let pipeline = pipeline()
        let sink = RecordArrays()
        let state = PartitionState(timeToLiveDays: 730)
        var batch = SourceBatch()
        let junk = Array("{\"no\": 1}".utf8)
        try junk.withUnsafeBytes { bytes in
            batch.append(SourceMessage(position: 0, offset: 0, value: bytes))
            batch.append(SourceMessage(position: 1, offset: 1, value: nil))
            batch.append(SourceMessage(position: 2, offset: 2, value: UnsafeRawBufferPointer(start: nil, count: 0)))
            batch.endRun(of: state)
            let result = try pipeline.process(batch, into: sink)
            #expect(result.rejected == 2 && result.tombstones == 1 && result.live == 3 && result.published == 0)
        }
        #expect(sink.rejected.map(\.offset) == [0, 2])
        #expect(sink.rejected.last?.reason == "empty message")
        #expect(state.stateOffset == 3)
    }

    /// A batch fails in its middle: what it changed is undone, and processed again it gives the same records.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func undoneMessagesGiveTheSameAgain(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let wanted = RecordArrays()
        do {
            let pipeline = pipeline()
            try processAll(pipeline, states(of: pipeline), batch: 100, into: wanted)
        }
        let pipeline = pipeline()
        let sink = RecordArrays()
        let states = states(of: pipeline)
        for state in states { state.setUndoPoint() }
        var outcomesAtCommit = 0
        while states.contains(where: { $0.stateOffset < logs[Int($0.number)].count }) {
            let ranges = states.map { state in
                state
                    .stateOffset..<min(
                        state.stateOffset + Int64(random.next() % 90), Int64(logs[Int(state.number)].count))
            }
            if random.next() % 3 == 0 { sink.failsAfter = Int(random.next() % 60) }
            do {
                _ = try process(ranges, pipeline, states, into: sink)
            } catch is RecordArrays.Failure {
                pipeline.discardPending()
                for state in states {
                    let offset = try #require(state.undo(), "seed \(seed)")
                    sink.abort(partition: state.number, from: offset, outcomes: outcomesAtCommit)
                }
                continue
            }
            if random.next() % 4 == 0 {
                for state in states { state.setUndoPoint() }
                outcomesAtCommit = sink.outcomes.count
            }
        }
        for number in logs.indices {
            let found = sink.predictions.filter { $0.partition == number }.map(\.payload)
            #expect(found == wanted.predictions.filter { $0.partition == number }.map(\.payload), "seed \(seed)")
        }
        #expect(sink.outcomes.sorted() == wanted.outcomes.sorted(), "seed \(seed)")
    }

    @Test func eventsOfAHistoryAreScoredAsMessagesAre() throws {
        let pipeline = pipeline()
        let sink = RecordArrays()
        let state = PartitionState(timeToLiveDays: 730)
        let decoder = EventDecoder()
        for message in logs[0] {
            try message.withUnsafeBytes {
                let event = try decoder.event(in: $0)
                if !event.isAnonymous { pipeline.take(event, into: state) }
            }
            if pipeline.takenCount == 10 { _ = try pipeline.publishTaken(of: state, into: sink) }
        }
        _ = try pipeline.publishTaken(of: state, into: sink)
        #expect(sink.predictions.map(\.payload) == (try replayed(0)))
    }
}
