import Foundation
import Kafka
import Synchronization
import TestSupport
import Testing

@testable import Worker

/// Kafka goes away, comes back, loses a topic, gets partitions; another worker takes this one's name.
@Suite(.waiting) struct OutageTests {
    // MARK: What is known

    @Test func anOutageIsSaidOnceAndItsEndToo() {
        var health = ClusterHealth(input: "events")
        let start = ContinuousClock.now
        let date = Date(timeIntervalSince1970: 1_000_000)
        var said = health.answered(["events": 3], at: start)
        #expect(said.isEmpty && health.outage == nil)
        let error = KafkaError(.init(-185), operation: "ask")
        said = health.unanswered(error, asked: start - .seconds(2), at: date - 2)
        #expect(said.isEmpty && health.outage == nil, "a broker that is slow once")
        said = health.unanswered(error, asked: start, at: date)
        #expect(said == [.away(health.outage!)])
        #expect(health.outage?.since == date)
        said = health.unanswered(error, asked: start + .seconds(5), at: date + 5)
        #expect(said.isEmpty, "said once")
        #expect(health.outage?.since == date, "and since its beginning")
        said = health.answered(["events": 3], at: start + .seconds(200))
        #expect(said == [.back(seconds: 200)] && health.outage == nil)
    }

    @Test func aTopicIsGoneWhenThreeAnswersInARowMissIt() {
        var health = ClusterHealth(input: "events")
        func ask(_ predictions: Int?) -> [ClusterHealth.Change] {
            health.answered(["events": 3, "predictions": predictions], at: .now)
        }
        let said = [3, nil, nil, 3, nil, nil, nil, nil].map { ask($0) }
        // A broker that has just started may miss it twice.
        #expect(said.map(\.isEmpty) == [true, true, true, true, true, true, false, true])
        #expect(said[6] == [.topicGone("predictions")])
    }

    @Test func partitionsThatAreAddedAreSaid() {
        var health = ClusterHealth(input: "events")
        let said = [4, 8, 8].map { health.answered(["events": $0, "predictions": 2 * $0], at: .now) }
        #expect(said == [[], [.partitionsAdded(now: 8, before: 4)], []])
        #expect(health.partitionsAdded == 4)
        // A checkpoint from before a growth that this worker has not seen.
        let older = [8, 4, 2, 4].map { health.stateBegan(partitions: $0) }
        #expect(older == [[], [], [.partitionsAdded(now: 8, before: 2)], []])
        #expect(health.partitionsAdded == 6)
    }

    /// The younger of two workers of one name ends, and the older goes on.
    @Test func theYoungerOfTwoOfOneNameEnds() {
        let now = ContinuousClock.now
        var old = FencingRecord(started: now - .seconds(3600))
        var young = FencingRecord(started: now)
        var moment = now
        var rounds = 0
        while true {
            moment += .seconds(2)
            let isContested = old.isContested(at: moment)
            #expect(!isContested)
            moment += .seconds(2)
            rounds += 1
            if young.isContested(at: moment) { break }
        }
        #expect(rounds == 2, "once is what a takeover looks like")
        // Two that were kept apart for an hour and meet.
        var other = FencingRecord(started: now - .seconds(3600))
        rounds = 0
        while !other.isContested(at: moment) {
            moment += .seconds(4)
            rounds += 1
        }
        #expect(rounds == 5)
        // Now and then is no contest.
        var seldom = FencingRecord(started: now - .seconds(3600))
        let contests = (1...20).map { seldom.isContested(at: now + .seconds(3600 * $0)) }
        #expect(!contests.contains(true))
    }

    /// What a group by the newer protocol, and a worker of a name of its own, are set for.
    @Test func membershipFollowsTheProtocolAndTheName() {
        var settings = WorkerSettings()
        #expect(settings.kafkaProperties.consumer(thread: 0)["group.instance.id"] == nil)
        #expect(settings.kafkaProperties.sessionTimeoutMilliseconds == 10_000)
        settings.instance = "worker-1"
        #expect(settings.kafkaProperties.consumer(thread: 0)["group.instance.id"] == "worker-1")
        settings.threads = 2
        #expect(settings.kafkaProperties.consumer(thread: 1)["group.instance.id"] == "worker-1-1")
        #expect(settings.kafkaProperties.consumer["group.instance.id"] == nil, "of readers beside the stream")
        settings.kafkaConsumer["group.protocol"] = "consumer"
        let newer = settings.kafkaProperties.consumer(thread: 0)
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            #expect(newer[name] == nil, "librdkafka refuses it")
        }
    }

    // MARK: What a worker does

    @Test func theWorkerWaitsForKafkaAndSaysSo() async throws {
        let rig = try WorkerRig(partitions: 2)
        let (messages, _) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages.dropLast(20), rig.settings)
        let worker = try rig.worker()
        let (settings, broker) = (rig.settings, rig.broker)
        try await rig.running(worker) {
            try wait(for: "the first messages") { worker.counters.snapshot.committed == messages.count - 20 }
            try wait(for: "readiness") { worker.status.isReady }
            try broker.setBrokerDown()
            try wait(for: "the outage") { worker.status.kafka.outage != nil }
            let status = worker.status
            #expect(status.partitions.allSatisfy { status.lag(of: $0) == nil }, "nobody can tell")
            #expect(status.kafka.outage?.reason.contains("check kafka.bootstrap.servers") == true, "\(status.kafka)")
            try wait(for: "unreadiness") { (worker.status.kafka.outage?.seconds ?? 0) > 10 }
            #expect(!worker.status.isReady)
            try broker.setBrokerUp()
            try wait(for: "the end of the outage") { worker.status.kafka.outage == nil }
            try WorkerTests.publish(messages.suffix(20), settings)
            try wait(for: "the last messages") { worker.counters.snapshot.committed >= messages.count }
            try wait(for: "readiness again") { worker.status.isReady && !worker.status.partitions.isEmpty }
        }
    }

    @Test func anOutageMayEndTheWorkerWhenItIsToldSo() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.maxOutageMilliseconds = 3000
        let worker = try rig.worker()
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "readiness") { worker.status.isReady }
        try rig.broker.setBrokerDown()
        let error = await #expect(throws: WorkerError.self) { try await running.value }
        #expect(error?.description.contains("longer than kafka.max_outage") == true, "\(error!)")
        #expect(error?.description.contains("Nothing is lost") == true)
    }

    @Test func aWorkerThatIsToldToStopDoesNotWaitForKafka() async throws {
        let rig = try WorkerRig(partitions: 1)
        let (messages, _) = try WorkerTests.shop(customers: 5)
        try WorkerTests.publish(messages, rig.settings)
        let worker = try rig.worker()
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
        try rig.broker.setBrokerDown()
        try wait(for: "the outage") { worker.status.kafka.outage != nil }
        let asked = ContinuousClock.now
        worker.requestStop()
        // No error: there is nothing that anybody could do.
        try await running.value
        #expect(ContinuousClock.now - asked < .milliseconds(rig.settings.shutdownMilliseconds))
    }

    @Test(.enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
    func aTopicThatIsMissingIsNamedAndNotMade() async throws {
        let rig = try ProcessRig(partitions: 1)
        rig.settings.inputTopic = "nowhere"
        let worker = try rig.worker()
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        #expect(error?.description.contains("topic nowhere does not exist") == true, "\(error!)")
        // Asked again, by name and by a consumer.
        let properties = rig.settings.kafkaProperties.client.merging(["group.id": "g"]) { $1 }
        let consumer = try Consumer(properties: properties)
        defer { consumer.close() }
        for _ in 0..<3 { #expect(try consumer.partitionCount(of: "nowhere", timeoutMilliseconds: 5000) == nil) }
    }

    @Test(.enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
    func aTopicThatIsDeletedIsNamed() async throws {
        let rig = try ProcessRig(partitions: 1)
        let worker = try rig.worker()
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "readiness") { worker.status.isReady }
        let admin = try Admin(properties: rig.settings.kafkaProperties.client)
        try admin.deleteTopic(rig.settings.outputTopic)
        admin.close()
        let error = await #expect(throws: WorkerError.self) { try await running.value }
        #expect(
            error?.description.contains("topic \(rig.settings.outputTopic) does not exist any more") == true,
            "\(error!)")
    }

    @Test(.enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
    func twoOfOneNameDoNotThrowEachOtherOutWithoutEnd() async throws {
        let rig = try ProcessRig(partitions: 2)
        rig.settings.instance = "same"
        let settings = rig.settings
        final class Ends: Sendable { let errors = Mutex<[String]>([]) }
        let ends = Ends()
        let workers = [try rig.worker(), try rig.worker()]
        let (messages, _) = try WorkerTests.shop(customers: 10)
        let running = workers.map { worker in
            Task(executorPreference: BlockingThreads.shared) {
                do { try await worker.run() } catch { ends.errors.withLock { $0.append("\(error)") } }
            }
        }
        // A producer learns that it has been replaced by its next transaction.
        let deadline = ContinuousClock.now + .seconds(100)
        while ends.errors.withLock({ $0.isEmpty }), ContinuousClock.now < deadline {
            try WorkerTests.publish(messages.prefix(20), settings)
            try await Task.sleep(for: .milliseconds(200))
        }
        // Which of two equally young ones it is does not matter here: one ends and names the cause, and the other works.
        try wait(for: "the other to work") {
            workers.contains { $0.status.isReady && $0.status.partitions.map(\.knownLag) == [0, 0] }
        }
        for worker in workers { worker.requestStop() }
        for task in running { await task.value }
        let errors = ends.errors.withLock { $0 }
        #expect(errors.count == 1)
        #expect(errors[0].contains("Give each worker its own processing.instance"), "\(errors)")
        #expect(errors[0].contains("transactional.id \(settings.group)-same-0"), "\(errors)")
    }
}
