import Customers
import Ensemble
import Events
import Features
import Foundation
import Kafka
import Scoring
import Synchronization
import TestSupport
import Testing
import Training

@testable import Worker

/// The features that the worker scored from Kafka, those of a replay and those that the trainer learned from are the
/// same bits, and so are the payloads.
@Suite(.waiting, .enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
struct EqualityTests {
    /// What one walk made of every scored event, in the order of the history.
    struct Walk: Sendable {
        /// Digests of feature rows and of payloads.
        var rows: [UInt64] = []
        var payloads: [UInt64] = []
    }

    static let replay = Result { try replay(batch: 1024) }

    /// The history walked without Kafka.
    static func replay(batch: Int) throws -> Walk {
        let reader = try HistoryReader(path: RealHistory.path!)
        var scorer = Scorer(artifact: try ModelArtifact(path: Checkout.models))
        var table = CustomerTable()
        var walk = Walk()
        func score() {
            scorer.score { prediction in
                walk.rows.append(contentHash(prediction.features))
                walk.payloads.append(contentHash(prediction.payload))
            }
        }
        while let event = try reader.next() {
            if event.isAnonymous { continue }
            scorer.add(event, tag: 0, to: &table)
            if scorer.pendingCount == batch { score() }
        }
        score()
        return walk
    }

    @Test func replayGivesTheSameBytesWhateverTheBatch() throws {
        let walk = try Self.replay.get()
        #expect(walk.rows.count == 406_829)
        let other = try Self.replay(batch: 77)
        #expect(other.rows == walk.rows)
        #expect(other.payloads == walk.payloads)
    }

    @Test func theTrainerLearnsFromTheRowsThatAReplayScores() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        var rows: [UInt64] = []
        _ = try TrainingRun(settings: TrainingSettings()).prepare(
            history: RealHistory.path!, countries: artifact.manifest.countries,
            observe: { _, row in rows.append(row.withUnsafeBytes { contentHash($0) }) },
            progress: { _, _ in })
        #expect(rows == (try Self.replay.get()).rows)
    }

    @Test(arguments: [(1, 1000), (4, 37), (4, 4096)])
    func theWorkerPublishesWhatAReplayWrites(partitions: Int, batch: Int) async throws {
        let rig = try WorkerRig(partitions: partitions, features: true)
        rig.settings.batchMessages = batch
        let settings = rig.settings
        let worker = try rig.worker()
        let found = try await rig.running(worker) { try Self.stream(settings, worker, partitions: partitions) }
        let walk = try Self.replay.get()
        #expect(worker.counters.snapshot.received == 541_909)
        #expect(worker.counters.snapshot.anonymous == 135_080)
        #expect(worker.counters.snapshot.committed == 541_909)
        #expect(found.payloads.count == walk.payloads.count)
        #expect(found.payloads == walk.payloads)
        #expect(found.rows == walk.rows)
    }

    /// Publishes the whole history with a bounded lead and collects, for each scored event in the order of the history,
    /// what the worker made of it.
    static func stream(_ settings: WorkerSettings, _ worker: Worker, partitions: Int) throws -> Walk {
        let reader = try HistoryReader(path: RealHistory.path!)
        // The producer of this test decides partitions, so that it knows which offset each event gets.
        let producer = try Producer(properties: settings.kafkaProperties.client.merging(["linger.ms": "5"]) { $1 })
        defer { producer.close() }
        let topic = try producer.topic(named: settings.inputTopic)
        let decoder = EventDecoder()
        let predictions = try TopicReader(topic: settings.outputTopic, properties: settings.kafkaProperties.client)
        let features = try TopicReader(topic: "features", properties: settings.kafkaProperties.client)
        var payloadAt: [[Int64: UInt64]] = Array(repeating: [:], count: partitions)
        var rowAt = payloadAt
        var (payloads, rows) = (0, 0)
        var places: [(partition: Int, offset: Int64)] = []
        var nextOffset = [Int64](repeating: 0, count: partitions)
        var published = 0

        func collect() throws {
            try predictions.read { record in
                payloads += 1
                payloadAt[Int(record.sourcePartition)][record.sourceOffset] = record.value.withUnsafeBytes {
                    contentHash($0)
                }
            }
            try features.read { record in
                rows += 1
                rowAt[Int(record.sourcePartition)][record.sourceOffset] = record.value.withUnsafeBytes {
                    contentHash($0)
                }
            }
        }
        func isBehind(_ lead: Int) -> Bool {
            let done = worker.counters.snapshot
            return published - done.received > lead || done.scored - min(payloads, rows) > lead
        }
        try wait(for: "assignment") { worker.counters.snapshot.partitions == partitions }
        while let message = try reader.nextMessage() {
            let customer = try decoder.event(in: message).customerID
            let partition = Int(contentHash(customer) % UInt64(partitions))
            if !customer.isEmpty { places.append((partition, nextOffset[partition])) }
            nextOffset[partition] += 1
            try producer.produce(to: topic, partition: Int32(partition), key: customer, value: message)
            published += 1
            if published % 200 == 0 {
                producer.poll()
                try wait(for: "the worker to follow") {
                    if isBehind(3000) { try collect() }
                    return !isBehind(3000)
                }
            }
        }
        try producer.flush(timeoutMilliseconds: 30_000)
        try wait(for: "the last predictions") {
            try collect()
            return !isBehind(0)
        }
        return Walk(
            rows: places.map { rowAt[$0.partition][$0.offset] ?? 0 },
            payloads: places.map { payloadAt[$0.partition][$0.offset] ?? 0 })
    }
}
