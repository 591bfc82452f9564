import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Scoring
import TestSupport
import Testing

@testable import Worker

/// What a worker says and does between joining its group and being live.
@Suite(.waiting) struct AssignmentTests {
    @Test func aMemberWithoutPartitionsStandsByAndIsReady() async throws {
        let rig = try WorkerRig(partitions: 1)
        let (owner, standby) = (try rig.worker(), try rig.worker())
        #expect(!standby.status.isReady && standby.status.membership == .joining)
        try await rig.running(owner) {
            try wait(for: "the partition") { owner.status.isReady && owner.status.partitions.count == 1 }
        }
        // Both at once: one of them is given the partition, and both are ready.
        let (first, second) = (try rig.worker(), try rig.worker())
        let running = Task(executorPreference: BlockingThreads.shared) { try await second.run() }
        try await rig.running(first) {
            try wait(for: "both") {
                let status = [first.status, second.status]
                return status.allSatisfy(\.isReady) && status.reduce(0) { $0 + $1.partitions.count } == 1
            }
        }
        second.requestStop()
        try await running.value
        #expect(!second.status.isReady, "it has left the group")
    }

    /// What was processed is committed before a partition goes to somebody else, who then begins behind it.
    @Test func partitionsAreGivenAwayCommitted() async throws {
        let rig = try WorkerRig(partitions: 2)
        rig.settings.commitIntervalMilliseconds = 3_600_000
        let settings = rig.settings
        let (messages, _) = try WorkerTests.shop(customers: 20)
        let (first, second) = (try rig.worker(), try rig.worker())
        let running = Task(executorPreference: BlockingThreads.shared) {
            while first.counters.snapshot.received < 2 * messages.count { try await Task.sleep(for: .milliseconds(20)) }
            try await second.run()
        }
        try await rig.running(first) {
            try wait(for: "both partitions") { first.status.partitions.count == 2 }
            for partition in [Int32(0), 1] { try WorkerTests.publish(messages, settings, partition: partition) }
            try wait(for: "one partition each") {
                [first, second].allSatisfy { $0.status.isReady && $0.status.partitions.count == 1 }
            }
            #expect(first.counters.snapshot.committed == 2 * messages.count)
            #expect(second.counters.snapshot.received == 0, "nothing is processed again")
        }
        second.requestStop()
        try await running.value
    }

    /// Partitions without a leader are waited for; the others are served meanwhile.
    @Test func aPartitionWithoutALeaderHoldsUpNothingElse() async throws {
        let rig = try WorkerRig(partitions: 2)
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        try broker.setLeader(nil, of: settings.inputTopic, partition: 1)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try WorkerTests.publish(messages, settings, partition: 0)
            try wait(for: "the first partition") { worker.counters.snapshot.committed == messages.count }
            try wait(for: "the stats") { worker.status.partitions.count == 2 }
            let status = worker.status
            #expect(!status.isReady && status.counters.restoring == 1)
            #expect(status.partitions.map(\.phase) == [.live, .loading])
            try broker.setLeader(1, of: settings.inputTopic, partition: 1)
            try WorkerTests.publish(messages, settings, partition: 1)
            try wait(for: "the second partition") { worker.counters.snapshot.committed == 2 * messages.count }
            try wait(for: "readiness") { worker.status.isReady }
        }
        let found = try WorkerTests.records(2 * payloads.count, settings)
        for partition in [Int32(0), 1] {
            #expect(found.filter { $0.sourcePartition == partition }.map(\.value) == payloads.map { Array($0.utf8) })
        }
    }

    @Test func aWorkerThatIsToldToStopBeforeKafkaAnswersStops() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        rig.broker.fail(.initProducerID, with: .init(repeating: .coordinatorNotAvailable, count: 100_000))
        let worker = try rig.worker()
        // It has not failed, and does not wait for two minutes until it does. Long enough for the request to be sent.
        try await rig.running(worker) { Thread.sleep(forTimeInterval: 2) }
        #expect(worker.counters.snapshot.received == 0)
    }

    /// Beside a broker whose transactions leave markers in the log.
    @Test(.enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
    func aLogThatEndsWithTransactionMarkersIsReadToItsEnd() async throws {
        let broker = try BrokerProcess()
        var settings = WorkerSettings()
        settings.kafka = ["bootstrap.servers": broker.bootstrapServers]
        settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
        settings.guarantee = .atLeastOnce
        settings.checkpoints = .none
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        for topic in settings.topics { _ = try admin.createTopic(topic, partitions: 1) }
        let producer = try Producer(
            properties: settings.kafkaProperties.client.merging(["transactional.id": "shop"]) { $1 })
        defer { producer.close() }
        try producer.initTransactions(timeoutMilliseconds: 10_000)
        try producer.beginTransaction()
        let topic = try producer.topic(named: settings.inputTopic)
        for invoice in 0..<3 {
            try SampleEvent(invoice: "\(invoice)").json.withUnsafeBytes {
                try producer.produce(to: topic, partition: 0, key: $0, value: $0)
            }
        }
        try producer.commitTransaction(timeoutMilliseconds: 10_000)
        let place = TopicPartition(topic: settings.inputTopic, partition: 0)
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer)
        let end = try consumer.watermarks(of: place, timeoutMilliseconds: 10_000).high
        try #require(end == 4, "three messages and a marker")
        // Everything is committed, the marker included.
        try consumer.commit([PartitionOffset(place, offset: end)])
        consumer.close()
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let worker = try Worker(settings: settings, artifact: ModelArtifact(path: Checkout.models), logger: logger)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "the partition") { worker.status.isReady && worker.status.partitions.count == 1 }
        #expect(worker.status.partitions.map(\.knownLag) == [0])
        #expect(worker.counters.snapshot.restored == 3 && worker.counters.snapshot.received == 0)
        worker.requestStop()
        try await running.value
    }
}

/// When checkpoints are due.
@Suite struct RecoveryBudgetTests {
    @Test func theBudgetIsOfAllPartitionsTogether() {
        let budget = RecoveryBudget(seconds: 10)
        // At 100,000 messages a second: half of the time is for replaying.
        #expect(!budget.isDue(messages: 499_999, checkpointBytes: 0))
        #expect(budget.isDue(messages: 500_000, checkpointBytes: 0))
        // Twelve partitions of 50,000 messages are as many as one of 600,000.
        #expect(budget.isDue(messages: 12 * 50_000, checkpointBytes: 0))
        // At 50 MB a second, reading them takes of that.
        #expect(budget.isDue(messages: 300_000, checkpointBytes: 100_000_000))
        #expect(!budget.isDue(messages: 299_000, checkpointBytes: 100_000_000))
        #expect(!budget.isDue(messages: 0, checkpointBytes: 1 << 40), "there is nothing new to take")
    }

    @Test func whatIsDueCanBeRestoredInTime() {
        var budget = RecoveryBudget(seconds: 10)
        budget.restored(messages: 1_000_000, seconds: 20)
        budget.loaded(bytes: 30_000_000, seconds: 1)
        for bytes in [0, 50_000_000, 150_000_000] {
            // As many as come while nothing is due.
            var messages: Int64 = 0
            while !budget.isDue(messages: messages + 1000, checkpointBytes: bytes) { messages += 1000 }
            #expect(budget.recovery(messages: messages, checkpointBytes: bytes) <= 10)
        }
    }
}
