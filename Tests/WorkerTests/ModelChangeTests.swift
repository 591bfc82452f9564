import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Pipeline
import Scoring
import TestSupport
import Testing
import Training

@testable import Worker

/// Predictions of several versions in one topic: each belongs to the version that published it, for ever.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct ModelChangeTests {
    /// What a prediction or an outcome says of where it comes from.
    private struct Origin: Decodable, Equatable {
        private static let decoder = {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return decoder
        }()

        static func of(_ payload: [UInt8]) throws -> Origin { try decoder.decode(Origin.self, from: Data(payload)) }

        let modelVersion: String
        let purchaseProbability: Double
    }

    /// By source: partition and offset.
    private static func origins(_ topic: String, _ count: Int, _ settings: WorkerSettings) throws -> [String: Origin] {
        let reader = try TopicReader(topic: topic, properties: settings.kafkaProperties.client)
        var found: [String: Origin] = [:]
        try wait(for: "\(count) records of \(topic)") {
            try reader.read { found["\($0.sourcePartition)@\($0.sourceOffset)"] = try? Origin.of($0.value) }
            return found.count >= count
        }
        return found
    }

    /// Three workers one after the other, each with another model, and each rebuilds its state from the log: what the one before
    /// has published is graded as it was published.
    @Test func predictionsAreGradedAsTheVersionThatPublishedThem() async throws {
        let rig = try ProcessRig()
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        try OtherModel.add(to: models, version: "second", serving: .logisticRegression, isCurrent: false)
        var settings = rig.settings
        settings.models = models
        settings.checkpoints = .none
        settings.outcomesTopic = "outcomes"
        settings.commitIntervalMilliseconds = 100
        try rig.create(settings.topics, partitions: 1)
        let (messages, _) = try WorkerTests.shop(customers: 60)
        let expected = try GradingTests.outcomes(messages).count
        var versions: [String: String] = [:]
        for (piece, version) in [first, "second", first].enumerated() {
            try OtherModel.serve(version, in: models)
            let range = messages.count * piece / 3..<messages.count * (piece + 1) / 3
            for offset in range { versions["0@\(offset)"] = version }
            let worker = try Worker(
                settings: settings, artifact: ModelLoader(settings: settings).artifact(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
            try WorkerTests.publish(messages[range], settings)
            try wait(for: "the messages") { worker.counters.snapshot.committed == range.count }
            worker.requestStop()
            try await running.value
        }
        let scored = messages.count { !$0.key.isEmpty }
        let predictions = try Self.origins(settings.outputTopic, scored, settings)
        #expect(predictions.count == scored && predictions.allSatisfy { versions[$0.key] == $0.value.modelVersion })
        let outcomes = try Self.origins("outcomes", expected, settings)
        #expect(outcomes.count == expected)
        for (offset, outcome) in outcomes { #expect(outcome == predictions[offset], "offset \(offset)") }
        #expect(Set(outcomes.values.map(\.modelVersion)) == [first, "second"])
    }

    /// Keeps payloads by offset.
    private final class Payloads: RecordSink {
        var values: [Int64: [UInt8]] = [:]
        func reject(_ rejected: [RejectedMessage], live: Int) {}
        func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {
            values[message.offset] = Array(prediction.payload)
        }
    }

    /// What a version makes of all messages, offline.
    private static func payloads(
        _ messages: [(key: [UInt8], value: [UInt8])], _ artifact: ModelArtifact
    ) throws -> [Int64: [UInt8]] {
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
        let state = PartitionState(timeToLiveDays: WorkerSettings().timeToLiveDays)
        let sink = Payloads()
        for (offset, message) in messages.enumerated() {
            try message.value.withUnsafeBytes { value in
                var batch = SourceBatch()
                batch.append(SourceMessage(position: 0, offset: Int64(offset), value: value))
                batch.endRun(of: state)
                _ = try pipeline.process(batch, into: sink)
            }
        }
        return sink.values
    }

    /// Two threads with a partition each change their model five times under load, and the worker is restarted in between:
    /// each event has one prediction, byte for byte what the version that it names gives offline, and is graded as that.
    @Test func modelsChangeUnderLoad() async throws {
        let rig = try ProcessRig()
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        try OtherModel.add(to: models, version: "second", serving: .logisticRegression, isCurrent: false)
        try OtherModel.add(to: models, version: "third", serving: .randomForest, isCurrent: false)
        var settings = rig.settings
        settings.models = models
        settings.outcomesTopic = "outcomes"
        settings.threads = 2
        settings.reloadMilliseconds = 50
        settings.comparedRows = 0
        settings.commitIntervalMilliseconds = 100
        settings.recoverySeconds = 1
        try rig.create(settings.topics, partitions: 2)
        let (messages, _) = try WorkerTests.shop(customers: 60)
        let scored = messages.count { !$0.key.isEmpty }
        var offline: [String: [Int64: [UInt8]]] = [:]
        for version in [first, "second", "third"] {
            offline[version] = try Self.payloads(messages, try ModelArtifact(path: "\(models)/\(version)"))
        }
        let order = [first, "second", "third", first, "third", "second"]
        var committed = 0
        for run in 0..<2 {
            let worker = try Worker(
                settings: settings, artifact: ModelLoader(settings: settings).artifact(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
            for (piece, version) in order.enumerated().dropFirst(run * 3).prefix(3) {
                try OtherModel.serve(version, in: models)
                let range = messages.count * piece / order.count..<messages.count * (piece + 1) / order.count
                // Half of the messages meet the change wherever it happens, the others the new model.
                for part in [range.prefix(range.count / 2), range.suffix(range.count - range.count / 2)] {
                    for partition in 0..<Int32(2) {
                        try WorkerTests.publish(
                            messages[part.startIndex..<part.endIndex], settings, partition: partition)
                    }
                    try wait(for: "version \(version)") { worker.status.model.version == version }
                }
                committed += 2 * range.count
                let expected = committed - (run == 0 ? 0 : 2 * (messages.count * 3 / order.count))
                try wait(for: "the messages of \(version)") { worker.counters.snapshot.committed == expected }
            }
            #expect(worker.status.model.changes == (run == 0 ? 2 : 3) && worker.status.model.refusals == 0)
            worker.requestStop()
            try await running.value
        }

        let reader = try TopicReader(topic: settings.outputTopic, properties: settings.kafkaProperties.client)
        var found: [TopicReader.Record] = []
        try wait(for: "all predictions") {
            try reader.read { found.append($0) }
            return found.count >= 2 * scored
        }
        #expect(found.count == 2 * scored)
        for partition in 0..<Int32(2) {
            let records = found.filter { $0.sourcePartition == partition }.sorted { $0.sourceOffset < $1.sourceOffset }
            var versions: [String] = []
            for record in records {
                let version = try Origin.of(record.value).modelVersion
                if versions.last != version { versions.append(version) }
                #expect(record.value == offline[version]?[record.sourceOffset], "offset \(record.sourceOffset)")
            }
            #expect(versions == order)
        }
        let predictions = try Self.origins(settings.outputTopic, 2 * scored, settings)
        let labels = try 2 * GradingTests.outcomes(messages).count
        let outcomes = try Self.origins("outcomes", labels, settings)
        #expect(outcomes.count == labels)
        for (source, outcome) in outcomes { #expect(outcome == predictions[source], "\(source)") }
        #expect(Set(outcomes.values.map(\.modelVersion)) == [first, "second", "third"])
    }

    /// What waits for its label was predicted for another horizon.
    @Test func anotherHorizonNeedsARestart() async throws {
        let rig = try WorkerRig(partitions: 1)
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        let history = try rig.directory.file(
            "history.ndjson", Array(HorizonTests.messages(7).joined(separator: [0x0A])))
        let run = TrainingRun(settings: HorizonTests.settings(7))
        let prepared = try run.prepare(history: history) { _, _ in }
        _ = try run.write(try run.fit(prepared) { _, _ in }, prepared, models: models)
        rig.settings.models = models
        rig.settings.reloadMilliseconds = 0
        let worker = try Worker(
            settings: rig.settings, artifact: ModelLoader(settings: rig.settings).artifact(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let week = try #require(
            try FileManager.default.contentsOfDirectory(atPath: models).first { $0.hasPrefix("20") && $0 != first })
        try OtherModel.serve(week, in: models)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        guard case .refused(first, let reason) = try await worker.reloadModel() else {
            Issue.record("a model of another horizon is served")
            return
        }
        #expect(reason.contains("looks 7 days ahead and the one in service 30"), "\(reason)")
        worker.requestStop()
        try await running.value
    }

    private static let kinds: [(name: String, reason: String, break: @Sendable (String) throws -> Void)] = [
        (
            "a flipped byte", "does not match its digest",
            { path in
                var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path + "/xgboost.ubj")))
                bytes[bytes.count / 2] ^= 1
                try Data(bytes).write(to: URL(fileURLWithPath: path + "/xgboost.ubj"))
            }
        ),
        (
            "another schema", "feature schema is",
            {
                try OtherModel.edit($0) {
                    $0.replacing("\"schemaFingerprint\" : \"", with: "\"schemaFingerprint\" : \"0")
                }
            }
        ),
        (
            "another horizon", "feature schema is",
            { try OtherModel.edit($0) { $0.replacing("\"horizonDays\" : 30", with: "\"horizonDays\" : 7") } }
        ),
        (
            "another time to live", "time_to_live",
            { try OtherModel.edit($0) { $0.replacing("\"timeToLiveDays\" : 730", with: "\"timeToLiveDays\" : 365") } }
        ),
        (
            "other golden scores", "golden row 0",
            { path in
                try OtherModel.edit(path) { text in
                    let start = text.range(
                        of: "\"blending\" : 0.", range: text.range(of: "\"goldenRows\"")!.upperBound..<text.endIndex)!
                    return text.replacingCharacters(in: start, with: "\"blending\" : 0.1")
                }
            }
        ),
        ("half a copy", "cannot be read", { try FileManager.default.removeItem(atPath: $0 + "/random_forest.ubj") }),
        (
            "no manifest yet", "holds no model artifact",
            { try FileManager.default.removeItem(atPath: $0 + "/manifest.json") }
        ),
        ("nothing", "holds no model artifact", { try FileManager.default.removeItem(atPath: $0) }),
    ]

    /// Whatever is wrong with a model, the present one stays, the stream goes on, and the reason is told.
    @Test func aBrokenModelIsRefusedAndTheStreamGoesOn() async throws {
        let rig = try WorkerRig(partitions: 1)
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        rig.settings.models = models
        rig.settings.reloadMilliseconds = 0
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 30)
        let worker = try Worker(
            settings: settings, artifact: ModelLoader(settings: settings).artifact(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        #expect(try await worker.reloadModel() == .unchanged(version: first))
        var published = 0
        for (number, kind) in Self.kinds.enumerated() {
            let version = try OtherModel.add(to: models, version: "broken-\(number)", serving: .xgboost)
            try kind.break("\(models)/\(version)")
            guard case .refused(first, let reason) = try await worker.reloadModel() else {
                Issue.record("\(kind.name) is served")
                continue
            }
            #expect(reason.contains(kind.reason), "\(kind.name): \(reason)")
            #expect(worker.status.model.refused?.reason == reason && worker.status.model.refusals == number + 1)
            let end = messages.count * (number + 1) / Self.kinds.count
            try WorkerTests.publish(messages[published..<end], settings)
            published = end
            try wait(for: "the messages") { worker.counters.snapshot.received == published }
        }
        try OtherModel.serve(first, in: models)
        #expect(try await worker.reloadModel() == .unchanged(version: first))
        #expect(worker.status.model.refused == nil)
        try OtherModel.add(to: models, version: "sound", serving: .stacking)
        #expect(try await worker.reloadModel() == .served(version: "sound"))
        #expect(worker.artifact.manifest.version == "sound" && worker.modelGeneration == 1)
        worker.requestStop()
        try await running.value
        let found = try WorkerTests.records(payloads.count, settings)
        #expect(found.map { String(decoding: $0.value, as: UTF8.self) } == payloads)
    }
}
