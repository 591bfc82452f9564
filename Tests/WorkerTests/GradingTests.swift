import Customers
import Ensemble
import Events
import Features
import Foundation
import Kafka
import Monitoring
import Scoring
import TestSupport
import Testing

@testable import Pipeline
@testable import Worker

/// A worker's predictions grade themselves, also across restarts.
@Suite(.waiting) struct GradingTests {
    /// What one label join makes of these messages, in the notation of the outcomes topic.
    static func outcomes(_ messages: [(key: [UInt8], value: [UInt8])]) throws -> [String] {
        let artifact = try ModelArtifact(path: Checkout.models)
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        let version = LabelJoin.Version(
            version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
            models: artifact.ensemble.models)
        var labelJoin = LabelJoin(horizon: .standard, windowDays: 90, limit: 1_000_000)
        labelJoin.use(version)
        let decoder = EventDecoder()
        for (offset, message) in messages.enumerated() {
            try message.value.withUnsafeBytes { bytes in
                let event = try decoder.event(in: bytes)
                if !event.isAnonymous { scorer.add(event, tag: offset, to: &table) }
            }
        }
        var texts: [String] = []
        var batch = LabelJoin.Batch()
        labelJoin.begin(&batch)
        scorer.score { prediction in
            batch.append(
                LabelJoin.Event(
                    customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash, time: prediction.time,
                    clock: prediction.clock, isPurchase: prediction.isPurchase, scores: prediction.scores,
                    offset: Int64(prediction.tag)))
        }
        labelJoin.join(batch) { _, _, outcome in
            let outcome = outcome()
            var bytes: [UInt8] = []
            let customerID = table.customerID(ofHash: outcome.prediction.customerHash) ?? []
            OutcomeEncoder.append(outcome, of: version, customerID: customerID, to: &bytes)
            texts.append("\(outcome.prediction.offset) \(String(decoding: bytes, as: UTF8.self))")
        }
        return texts
    }

    /// The outcomes topic, in its order.
    static func published(_ count: Int, _ settings: WorkerSettings) throws -> [String] {
        let reader = try TopicReader(topic: settings.outcomesTopic ?? "", properties: settings.kafkaProperties.client)
        var found: [TopicReader.Record] = []
        try wait(for: "\(count) outcomes") {
            try reader.read { found.append($0) }
            return found.count >= count
        }
        return found.map { "\($0.sourceOffset) \(String(decoding: $0.value, as: UTF8.self))" }
    }

    @Test(arguments: WorkerSettings.CheckpointKind.allCases)
    func publishesEachOutcomeOnceWhereverItIsStopped(store: WorkerSettings.CheckpointKind) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.outcomesTopic = "outcomes"
        _ = try rig.broker.createTopic("outcomes", partitions: 1)
        rig.settings.checkpoints = store
        rig.settings.recoverySeconds = 1
        if let topic = rig.settings.checkpointTopicName { _ = try rig.broker.createTopic(topic, partitions: 1) }
        let settings = rig.settings
        let (messages, _) = try WorkerTests.shop(customers: 60)
        let expected = try Self.outcomes(messages)
        #expect(expected.count > 500)
        let pieces = 4
        var last: Worker?
        for piece in 0..<pieces {
            func cut(_ piece: Int) -> Int { messages.count * ((1 << piece) - 1) / ((1 << pieces) - 1) }
            let part = messages[cut(piece)..<cut(piece + 1)]
            let worker = try rig.worker()
            last = worker
            try await rig.running(worker) {
                try WorkerTests.publish(part, settings)
                try wait(for: "the messages") { worker.counters.snapshot.received == part.count }
                try wait(for: "a checkpoint") {
                    worker.counters.snapshot.checkpoints > 0 || settings.checkpoints == .none
                }
                try wait(for: "a picture") { worker.status.partitions.first?.knownLag == 0 }
                let status = worker.status
                #expect(status.isReady)
                #expect(status.scores.reduce(0, +) == worker.counters.snapshot.scored)
            }
        }
        #expect(try Self.published(expected.count, settings) == expected)
        let done = try #require(last?.counters.snapshot)
        #expect(done.bought > 0 && done.notBought > 0)
    }

    @Test func isAnsweredWhileItWorks() async throws {
        let rig = try WorkerRig(partitions: 2)
        rig.settings.threads = 2
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 50)
        let worker = try rig.worker()
        await #expect(throws: QueryError.notRunning) { try await worker.customer("1") }
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try await Task.detached {
            try WorkerTests.publish(messages, settings)
            try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
            // What the threads have seen, once somebody has asked: every prediction waits or has its label.
            try wait(for: "grades and drift of all predictions") {
                let status = worker.status
                let grades = status.grades
                return grades.bought > 0 && grades.pending > 0
                    && grades.pending + grades.bought + grades.notBought == status.counters.scored
                    && grades.versions.contains { $0.figures.count == ModelName.allCases.count }
                    && status.drift.rows > 0
            }
        }.value
        // Each customer is ranked by their state as of the partition's clock: by their latest prediction where they were here last,
        // and by what has become of it where they have stayed away.
        var latest: [String: Double] = [:]
        for payload in payloads {
            let prediction = try Array(payload.utf8).withUnsafeBytes { try PublishedPrediction(payload: $0) }
            latest[prediction.customerID] = prediction.probability
        }
        let ranking = try await worker.ranking(top: 1000)
        #expect(ranking.customers == latest.count && ranking.entries.count == latest.count)
        func probability(_ state: CustomerState) -> Double {
            var matrix = FeatureMatrix()
            rig.artifact.makeExtractor().append(state, to: &matrix)
            var scores: [Scores] = []
            var workspace = Ensemble.Workspace(for: rig.artifact.ensemble)
            rig.artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
            return scores[0][rig.artifact.manifest.servingModel]
        }
        var (present, away) = (0, 0)
        for entry in ranking.entries {
            let report = try #require(try await worker.customer(entry.customerID))
            #expect(entry.probability == probability(report.state.advanced(to: report.partitionClock)))
            #expect(probability(report.state) == latest[entry.customerID])
            if report.state.clock < report.partitionClock { away += 1 } else { present += 1 }
        }
        #expect(away > 10 && present > 0)
        #expect(ranking.entries.map(\.probability) == ranking.entries.map(\.probability).sorted(by: >))
        let few = try await worker.ranking(top: 7)
        #expect(few.entries.map(\.customerID) == ranking.entries.prefix(7).map(\.customerID))

        let wanted = try #require(ranking.entries.first)
        let report = try #require(try await worker.customer(wanted.customerID))
        #expect(probability(report.state.advanced(to: report.partitionClock)) == wanted.probability)
        #expect(try await worker.customer("nobody") == nil)
        let place = try await worker.place(of: wanted.customerID)
        if case .elsewhere = place { Issue.record("all partitions are assigned here") }
        worker.requestStop()
        try await running.value
        await #expect(throws: QueryError.notRunning) { try await worker.customer("1") }
    }
}
