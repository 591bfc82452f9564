import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Monitoring
import Pipeline
import Scoring
import TestSupport
import Testing
import Topics

@testable import Worker

/// A topic whose beginning is gone, and a history that has it.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct BootstrapTests {
    /// Keeps the digests of payloads, by offset.
    private final class Digests: RecordSink {
        var predictions: [Int64: UInt64] = [:]
        var outcomes: [UInt64] = []
        let takesOutcomes = true

        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
            predictions[message.offset] = contentHash(prediction.payload)
        }
        func publish(_ outcome: OutcomeRecord, in partition: PartitionState) {
            outcomes.append(outcome.payload.withUnsafeBytes { contentHash($0) })
        }
    }

    private let rig: ProcessRig
    private var settings: WorkerSettings { rig.settings }
    private var directory: TemporaryDirectory { rig.directory }
    private var artifact: ModelArtifact { rig.artifact }

    init() throws { rig = try ProcessRig() }

    /// Puts messages on the input topic, by their customers' keys.
    /// - Returns: the messages of each partition as they stand there.
    private func publish(_ messages: [(key: [UInt8], value: [UInt8])], partitions: Int) throws -> [[[UInt8]]] {
        try rig.createTopics(partitions: partitions)
        let publisher = try EventPublisher(settings: settings, topic: settings.inputTopic)
        for (key, value) in messages { try value.withUnsafeBytes { try publisher.publish($0, key: key) } }
        try publisher.flush()
        publisher.close()
        return try read(messages.count, partitions: partitions)
    }

    private func read(_ count: Int, partitions: Int) throws -> [[[UInt8]]] {
        let consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": "r", "enable.partition.eof": "true"]) {
                $1
            })
        defer { consumer.close() }
        var logs = [[[UInt8]]](repeating: [], count: partitions)
        let all = (0..<Int32(partitions)).map { TopicPartition(topic: settings.inputTopic, partition: $0) }
        let reader = try RangeReader(
            consumer, Dictionary(uniqueKeysWithValues: all.map { ($0, 0..<Int64.max) }), patienceMilliseconds: 60_000)
        while try reader.read({ logs[Int($0.partition)].append(Array($1.value!)) }) {}
        try #require(logs.reduce(0) { $0 + $1.count } == count)
        return logs
    }

    private func pipeline() -> ScoringPipeline {
        ScoringPipeline(
            decoder: EventDecoder(format: settings.events), scorer: Scorer(artifact: artifact),
            monitor: PredictionMonitor())
    }

    private func state(_ number: Int, _ pipeline: ScoringPipeline) -> PartitionState {
        PartitionState(
            topic: settings.inputTopic, number: Int32(number), startOffset: 0, restoreEndOffset: 0,
            timeToLiveDays: settings.timeToLiveDays,
            labelJoin: pipeline.makeLabelJoin(windowDays: settings.gradingWindowDays, limit: settings.gradingLimit))
    }

    private func process(
        _ log: [[UInt8]], _ range: Range<Int>, _ state: PartitionState, _ pipeline: ScoringPipeline, into sink: Digests
    ) throws {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 1000) {
            var batch = SourceBatch()
            let lent = log[start..<min(start + 1000, range.upperBound)].map { message in
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: message.count, alignment: 1)
                bytes.copyBytes(from: message)
                return bytes
            }
            defer { for bytes in lent { bytes.deallocate() } }
            for (index, bytes) in lent.enumerated() {
                batch.append(
                    SourceMessage(
                        position: index, offset: Int64(start + index), value: UnsafeRawBufferPointer(bytes)))
            }
            batch.endRun(of: state)
            _ = try pipeline.process(batch, into: sink)
        }
    }

    /// Of the real history, cut at random places, ten at night: state, later predictions and later labels are those of the whole
    /// log.
    @Test(
        .enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)), .timeLimit(.minutes(20)),
        arguments: [3])
    func aCutLogAndItsHistoryAreTheWholeLog(partitions: Int) throws {
        var messages: [(key: [UInt8], value: [UInt8])] = []
        let history = try HistoryReader(path: RealHistory.path!)
        let decoder = EventDecoder()
        while let message = try history.nextMessage() {
            var key: [UInt8] = []
            _ = try decoder.decode(message) { key = Array($0.customerID) }
            messages.append((key, Array(message)))
        }
        let logs = try publish(messages, partitions: partitions)
        let whole = try logs.indices.map { number in
            let (pipeline, sink) = (pipeline(), Digests())
            try process(logs[number], logs[number].indices, state(number, pipeline), pipeline, into: sink)
            return sink
        }
        var random = SplitMix64(seed: 20)
        for cut in 0..<(Night.isNow ? 10 : 2) {
            let starts = logs.map { Int(random.next() % UInt64($0.count)) }
            var settings = settings
            settings.group = "cut-\(cut)"
            settings.checkpointDirectory = "\(directory.path)/checkpoints"
            // Every other time the history ends somewhere behind the last of the cuts, and not with the log.
            var path = RealHistory.path!
            if cut % 2 == 1 {
                var left = starts.map { $0 + 100 }
                path = "\(directory.path)/history-\(cut).ndjson"
                let file = try OutputFile(path: path)
                for (key, value) in messages where !key.isEmpty {
                    let partition = Int(Murmur2Partitioner.partition(of: key, count: partitions))
                    if left.allSatisfy({ $0 <= 0 }) { break }
                    left[partition] -= 1
                    try value.withUnsafeBytes { try file.writeLine($0) }
                }
                try file.close()
            }
            let reports = try Bootstrap(settings: settings, artifact: artifact).run(
                History(path: path),
                from: Dictionary(uniqueKeysWithValues: starts.enumerated().map { (Int32($0), Int64($1)) })
            ) { _, _ in }
            #expect(reports.map(\.offset) == starts.map { Int64($0) })
            for (number, start) in starts.enumerated() {
                let (before, after) = (pipeline(), pipeline())
                let expected = state(number, before)
                let earlier = Digests()
                try process(logs[number], 0..<start, expected, before, into: earlier)
                let restored = try restore(number, settings)
                #expect(restored.header?.offset == Int64(start))
                let difference = restored.table.difference(from: expected.table)
                #expect(difference == nil, "cut \(cut), partition \(number)")
                let found = state(number, after)
                found.restore(restored.partition(decoderStartOffset: 0), continuingAt: Int64(start))
                #expect(found.labelJoinError == nil)
                let sink = Digests()
                try process(logs[number], start..<logs[number].count, found, after, into: sink)
                #expect(sink.predictions == whole[number].predictions.filter { $0.key >= Int64(start) })
                // What was known before the cut has been published then.
                #expect(sink.outcomes == Array(whole[number].outcomes.dropFirst(earlier.outcomes.count)))
            }
        }
    }

    private func restore(_ number: Int, _ settings: WorkerSettings) throws -> RestoredState {
        try #require(try settings.makeCheckpointStore()).restore(
            RestoreRequest(
                partition: TopicPartition(topic: settings.inputTopic, partition: Int32(number)), committed: .max,
                timeToLiveDays: settings.timeToLiveDays, progress: { _ in }, warn: { Issue.record("\($0)") }))
    }

    @Test(arguments: WorkerSettings.CheckpointKind.allCases.filter { $0 != .none })
    func aWorkerGoesOnWhereTheHistoryEnds(store: WorkerSettings.CheckpointKind) async throws {
        var settings = settings
        settings.checkpoints = store
        settings.checkpointDirectory = "\(directory.path)/checkpoints"
        settings.commitIntervalMilliseconds = 200
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        let scored = messages.filter { !$0.key.isEmpty }
        _ = try publish(scored, partitions: 1)
        let path = "\(directory.path)/history.ndjson"
        let file = try OutputFile(path: path)
        for message in scored.prefix(scored.count / 2 + 30) {
            try message.value.withUnsafeBytes { try file.writeLine($0) }
        }
        try file.close()
        let start = scored.count / 2
        let bootstrap = Bootstrap(settings: settings, artifact: artifact)
        let reports = try bootstrap.run(History(path: path), from: [0: Int64(start)]) { _, _ in }
        #expect(reports.count == 1 && reports[0].events == start && reports[0].overlap == 30)
        // Once only.
        let again = #expect(throws: WorkerError.self) {
            try bootstrap.run(History(path: path), from: [0: 5]) { _, _ in }
        }
        #expect(again?.description.contains("has a checkpoint of offset \(start) already") == true)

        try await expectTheRest(Array(payloads.dropFirst(start)), settings)
    }

    /// A worker publishes these and no others.
    private func expectTheRest(_ payloads: [String], _ settings: WorkerSettings) async throws {
        let worker = try rig.worker(settings)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "the rest") { worker.counters.snapshot.committed == payloads.count }
        worker.requestStop()
        try await running.value
        let found = try WorkerTests.records(payloads.count, settings)
        #expect(found.map { String(decoding: $0.value, as: UTF8.self) } == payloads)
    }

    /// The shop's old topic has three partitions, with the messages that the new one's retention has taken away, some that
    /// both have, and one that is no event.
    @Test func anotherTopicIsAHistoryToo() async throws {
        var settings = settings
        settings.checkpointDirectory = "\(directory.path)/checkpoints"
        settings.commitIntervalMilliseconds = 200
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        let scored = messages.filter { !$0.key.isEmpty }
        let start = scored.count / 2
        _ = try publish(scored, partitions: 1)
        let old = "\(settings.inputTopic)-old"
        try rig.create([old], partitions: 3)
        let publisher = try EventPublisher(settings: settings, topic: old)
        for (key, value) in scored.prefix(start + 30) + [(key: [65], value: Array("no event".utf8))] {
            try value.withUnsafeBytes { try publisher.publish($0, key: key) }
        }
        try publisher.flush()
        publisher.close()

        let opened = try TopicHistory(topic: old, properties: settings.kafkaProperties.client).read(
            format: settings.events
        ) { _, _ in }
        #expect(opened.history.streams.count == 3 && opened.skipped == 1)
        let reports = try withExtendedLifetime(opened) {
            try Bootstrap(settings: settings, artifact: artifact).run(opened.history, from: [0: Int64(start)]) { _, _ in
            }
        }
        #expect(reports.count == 1 && reports[0].events == start && reports[0].overlap == 30)
        try await expectTheRest(Array(payloads.dropFirst(start)), settings)
    }

    @Test func whatCannotBeBootstrappedIsSaid() throws {
        var settings = settings
        settings.checkpointDirectory = "\(directory.path)/checkpoints"
        let (messages, _) = try WorkerTests.shop(customers: 10)
        let scored = messages.filter { !$0.key.isEmpty }
        _ = try publish(scored.map { (key: [7] + $0.key, value: $0.value) }, partitions: 4)
        let path = "\(directory.path)/history.ndjson"
        try Data(scored.prefix(10).flatMap { $0.value + [10] }).write(to: URL(fileURLWithPath: path))
        func run(_ starts: [Int32: Int64], _ settings: WorkerSettings) -> String {
            let error = #expect(throws: WorkerError.self) {
                try Bootstrap(settings: settings, artifact: artifact).run(History(path: path), from: starts) { _, _ in }
            }
            return error?.description ?? ""
        }
        #expect(run([4: 0], settings).contains("has partitions 0 to 3, and no 4"))
        #expect(run([0: 1_000_000], settings).contains("and not to 1000000"))
        #expect(run([:], settings).contains("the messages' keys are not the customers"))
        let consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": settings.group]) { $1 })
        try consumer.commit([PartitionOffset(topic: settings.inputTopic, partition: 0, offset: 1)])
        consumer.close()
        #expect(run([0: 2], settings).contains("before offset 2 where the log is to be read from"))
        settings.checkpoints = .none
        #expect(run([:], settings).contains("checkpoints.store is none"))
    }
}
