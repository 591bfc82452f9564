import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Scoring
import TestSupport
import Testing

@testable import Worker

/// Checkpoints that are looked at, copied and dealt out while no worker runs.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct StoredCheckpointsTests {
    private let rig: ProcessRig
    private var settings: WorkerSettings { rig.settings }
    private var directory: TemporaryDirectory { rig.directory }

    init() throws {
        rig = try ProcessRig()
        rig.settings.commitIntervalMilliseconds = 200
    }

    private func publish(_ messages: ArraySlice<(key: [UInt8], value: [UInt8])>) throws {
        let publisher = try EventPublisher(settings: settings, topic: settings.inputTopic)
        for (key, value) in messages { try value.withUnsafeBytes { try publisher.publish($0, key: key) } }
        try publisher.flush()
        publisher.close()
    }

    /// Runs a worker until it has committed so many messages, then stops it in order.
    private func work(
        _ settings: WorkerSettings, until committed: Int, onceReady: (() throws -> Void)? = nil
    ) async throws {
        let worker = try rig.worker(settings)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        if let onceReady {
            try wait(for: "readiness") { worker.status.isReady && !worker.status.partitions.isEmpty }
            try onceReady()
        }
        try wait(for: "\(committed) messages") { worker.counters.snapshot.committed == committed }
        worker.requestStop()
        try await running.value
    }

    private func stored(_ settings: WorkerSettings) -> StoredCheckpoints {
        StoredCheckpoints(settings: settings) { Issue.record("\($0)") }
    }

    /// Every prediction's payload by customer, in the order of the output.
    private func payloads(_ count: Int) throws -> [String: [String]] {
        let reader = try TopicReader(topic: settings.outputTopic, properties: settings.kafkaProperties.client)
        var found: [String: [String]] = [:]
        var total = 0
        try wait(for: "\(count) predictions") {
            try reader.read { record in
                let text = String(decoding: record.value, as: UTF8.self)
                let customer = text.split(separator: "\"", maxSplits: 4, omittingEmptySubsequences: false)[3]
                found[String(customer), default: []].append(text)
                total += 1
            }
            return total >= count
        }
        return found
    }

    // MARK: Growth

    /// By the procedure that the README describes, on the real history: every prediction is that of one partition.
    @Test(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)), .timeLimit(.minutes(10)))
    func fourPartitionsBecomeEight() async throws {
        let history = try HistoryReader(path: RealHistory.path!)
        let decoder = EventDecoder()
        var scorer = Scorer(artifact: rig.artifact)
        var table = CustomerTable()
        var expected: [String: [String]] = [:]
        var messages: [(key: [UInt8], value: [UInt8])] = []
        while let message = try history.nextMessage() {
            let event = try decoder.event(in: message)
            if event.isAnonymous { continue }
            messages.append((Array(event.customerID), Array(message)))
            scorer.add(event, tag: 0, to: &table)
            if scorer.pendingCount == 1024 { take(&scorer, &expected) }
        }
        take(&scorer, &expected)

        try rig.createTopics(partitions: 4)
        let half = messages.count / 2
        try publish(messages[..<half])
        try await work(settings, until: half)
        try rig.broker.addPartitions(to: settings.inputTopic, count: 8)
        let dealt = try stored(settings).repartition { _, _ in }
        #expect(dealt.map(\.partition) == Array(0..<8))
        #expect(dealt[4...].allSatisfy { $0.offset == 0 && $0.customers > 0 && $0.moved == $0.customers })
        #expect(dealt[..<4].allSatisfy { $0.offset > 0 && $0.customers > 0 && $0.moved == 0 })
        // Once only.
        #expect(throws: WorkerError.self) { try stored(settings).repartition { _, _ in } }
        // Interrupted before the last of the old ones was written, and run again.
        let folder = "\(settings.checkpointDirectory)/\(settings.group)/\(settings.inputTopic)/3"
        let newest = try FileManager.default.contentsOfDirectory(atPath: folder).max {
            Int($0.prefix { $0 != "-" }) ?? 0 < Int($1.prefix { $0 != "-" }) ?? 0
        }
        try FileManager.default.removeItem(atPath: "\(folder)/\(try #require(newest))")
        #expect(try stored(settings).repartition { _, _ in }.map(\.customers) == dealt.map(\.customers))
        // The new partitions are assigned while they are empty.
        let (later, publishing) = (messages[half...], self)
        try await work(settings, until: messages.count - half) { try publishing.publish(later) }
        let found = try payloads(messages.count)
        #expect(found == expected)
    }

    private func take(_ scorer: inout Scorer, _ payloads: inout [String: [String]]) {
        scorer.score { prediction in
            payloads[String(decoding: prediction.customerID, as: UTF8.self), default: []].append(
                String(decoding: prediction.payload, as: UTF8.self))
        }
    }

    @Test func aGrowthThatWouldSplitCustomersIsRefused() async throws {
        let messages = try WorkerTests.shop(customers: 60).messages.filter { !$0.key.isEmpty }[...]
        try rig.createTopics(partitions: 2)
        try publish(messages.dropLast(200))
        try await work(settings, until: messages.count - 200)
        let early = #expect(throws: WorkerError.self) { try stored(settings).repartition { _, _ in } }
        #expect(
            early?.description.contains("has 2 partitions, and 2 of them have checkpoints, 0 from before it grew")
                == true)
        // Messages that no worker has read when the topic grows.
        try publish(messages.suffix(200))
        try rig.broker.addPartitions(to: settings.inputTopic, count: 4)
        let late = #expect(throws: WorkerError.self) { try stored(settings).repartition { _, _ in } }
        #expect(late?.description.contains("its customer belongs to another partition now") == true, "\(late!)")
        #expect(try stored(settings).list().map(\.partition) == [0, 1], "nothing was written")
    }

    /// A worker that starts after a growth, and one that runs while the topic grows, say so.
    @Test func aGrowthIsSaid() async throws {
        let messages = try WorkerTests.shop(customers: 20).messages.filter { !$0.key.isEmpty }[...]
        try rig.createTopics(partitions: 2)
        try publish(messages)
        let worker = try rig.worker(settings)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "the messages") { worker.counters.snapshot.committed == messages.count }
        #expect(worker.status.kafka.partitionsAdded == 0)
        try rig.broker.addPartitions(to: settings.inputTopic, count: 5)
        try wait(for: "the growth to be noticed") { worker.status.kafka.partitionsAdded == 3 }
        worker.requestStop()
        try await running.value
        let second = try rig.worker(settings)
        let again = Task(executorPreference: BlockingThreads.shared) { try await second.run() }
        try wait(for: "the growth to be noticed again") { second.status.kafka.partitionsAdded == 3 }
        second.requestStop()
        try await again.value
    }

    // MARK: Copies

    @Test func checkpointsAreCopiedBetweenTheTwoStores() async throws {
        let messages = try WorkerTests.shop(customers: 40).messages.filter { !$0.key.isEmpty }[...]
        try rig.createTopics(partitions: 2)
        try publish(messages)
        var inTopic = settings
        inTopic.checkpoints = .topic
        try await work(inTopic, until: messages.count)
        let before = try stored(inTopic).list()
        #expect(before.count == 2 && before.reduce(0) { $0 + $1.customers } > 30)

        let export = "\(directory.path)/export"
        #expect(try stored(inTopic).export(to: export) == [0, 1])
        var inFiles = settings
        inFiles.checkpointDirectory = export
        try expectSame(inTopic, inFiles)
        let twice = #expect(throws: WorkerError.self) { try stored(inTopic).export(to: export) }
        #expect(twice?.description.contains("has a checkpoint of offset") == true)

        // Into another topic store, and on from there.
        var elsewhere = inTopic
        elsewhere.checkpointTopic = "copies"
        #expect(try stored(elsewhere).importing(from: export) == [0, 1])
        try expectSame(inTopic, elsewhere)
        try publish(messages.prefix(50))
        try await work(elsewhere, until: 50)

        let someone = try #require(messages.first.map { String(decoding: $0.key, as: UTF8.self) })
        #expect(try stored(inFiles).customer(someone) != nil)
        #expect(try stored(inFiles).customer("nobody") == nil)
        let absent = #expect(throws: WorkerError.self) { try stored(inTopic).importing(from: "/nonexistent/x") }
        #expect(absent?.description == "there is no directory /nonexistent/x")
    }

    private func expectSame(_ one: WorkerSettings, _ other: WorkerSettings) throws {
        let (one, other) = (stored(one), stored(other))
        for partition in try one.partitions() {
            let (first, second) = (
                try one.read(partition, from: one.store()), try other.read(partition, from: other.store())
            )
            #expect(first.header != nil && first.header == second.header)
            #expect(first.labelJoinRecords == second.labelJoinRecords && !first.labelJoinRecords.isEmpty)
            #expect(first.table.difference(from: second.table) == nil)
        }
    }
}
