import Foundation
import Kafka
import TestSupport
import Testing

@testable import Worker

/// The broker is away, slow, or answers with errors: nothing is lost, nothing hangs, and what the group has committed was
/// published once.
@Suite(.waiting) struct FaultTests {
    struct Trouble: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// A member that is thrown out of its group has to process anew what it had not committed.
        var mayRepeat = false
        let begin: @Sendable (EmbeddedBroker) throws -> Void
        var end: @Sendable (EmbeddedBroker) throws -> Void = { _ in }

        static func errors(
            _ request: EmbeddedBroker.RequestKind, _ faults: [EmbeddedBroker.Fault], mayRepeat: Bool = false
        ) -> Trouble {
            Trouble(testDescription: "\(request)", mayRepeat: mayRepeat) { $0.fail(request, with: faults) }
        }
    }

    static let troubles: [Trouble] = [
        // On a busy machine an outage can outlast the member's session.
        Trouble(
            testDescription: "an outage of two seconds", mayRepeat: true, begin: { try $0.setBrokerDown() },
            end: {
                Thread.sleep(forTimeInterval: 2)
                try $0.setBrokerUp()
            }),
        Trouble(
            testDescription: "slow answers", begin: { try $0.setRoundTripTime(milliseconds: 300) },
            end: {
                Thread.sleep(forTimeInterval: 2)
                try $0.setRoundTripTime(milliseconds: 0)
            }),
        .errors(.produce, [.notLeader, .disconnect, .requestTimedOut, .notEnoughReplicas, .disconnect]),
        .errors(.fetch, [.notLeader, .disconnect, .disconnect, .notLeader]),
        .errors(.offsetCommit, [.coordinatorNotAvailable, .disconnect, .requestTimedOut, .coordinatorNotAvailable]),
        .errors(.heartbeat, [.disconnect, .coordinatorNotAvailable]),
        .errors(.heartbeat, [.illegalGeneration], mayRepeat: true),
        .errors(.heartbeat, [.unknownMember], mayRepeat: true),
    ]

    @Test(arguments: troubles)
    func nothingIsLost(in trouble: Trouble) async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        let worker = try rig.worker()
        try await rig.running(worker) {
            let thirds = messages.count / 3
            try WorkerTests.publish(messages[..<thirds], settings)
            try wait(for: "the first messages") { worker.counters.snapshot.committed >= thirds }
            try WorkerTests.publish(messages[thirds..<(2 * thirds)], settings)
            try trouble.begin(broker)
            // Long enough for a heartbeat to meet it.
            Thread.sleep(forTimeInterval: 3.2)
            try trouble.end(broker)
            try WorkerTests.publish(messages[(2 * thirds)...], settings)
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed >= messages.count }
        }
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.first?.value } == payloads.map { Array($0.utf8) })
        #expect(bySource.values.allSatisfy { records in records.allSatisfy { $0.value == records[0].value } })
        if !trouble.mayRepeat { #expect(found.count == payloads.count, "nothing twice") }
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer)
        defer { consumer.close() }
        let committed = try consumer.committed(
            [TopicPartition(topic: settings.inputTopic, partition: 0)], timeoutMilliseconds: 5000)
        #expect(committed.map(\.offset) == [Int64(messages.count)])
    }

    /// The coordinator refuses the offsets of a transaction: nothing of it has happened, and it is processed again.
    @Test(arguments: [
        EmbeddedBroker.Fault.illegalGeneration, .unknownMember, .coordinatorNotAvailable, .concurrentTransactions,
    ])
    func aRefusedTransactionIsProcessedAgain(fault: EmbeddedBroker.Fault) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        let worker = try rig.worker()
        try await rig.running(worker) {
            broker.fail(.transactionOffsetCommit, with: [fault])
            try WorkerTests.publish(messages, settings)
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed >= messages.count }
        }
        // The embedded broker shows aborted messages too: what counts is that each is there, as a replay makes it.
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.last?.value } == payloads.map { Array($0.utf8) })
        #expect(worker.counters.snapshot.committed == messages.count)
    }

    /// What an aborted transaction has changed is undone in place: nothing of the log before it is read again.
    @Test(arguments: WorkerSettings.CheckpointKind.allCases)
    func anAbortedTransactionIsUndoneInPlace(checkpoints: WorkerSettings.CheckpointKind) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        rig.settings.checkpoints = checkpoints
        rig.settings.outcomesTopic = "outcomes"
        _ = try rig.broker.createTopic("outcomes", partitions: 1)
        if let topic = rig.settings.checkpointTopicName { _ = try rig.broker.createTopic(topic, partitions: 1) }
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        let half = messages.count / 2
        let worker = try rig.worker()
        try await rig.running(worker) {
            try WorkerTests.publish(messages[..<half], settings)
            try wait(for: "the first half") { worker.counters.snapshot.committed == half }
            broker.fail(.transactionOffsetCommit, with: [.illegalGeneration])
            try WorkerTests.publish(messages[half...], settings)
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed == messages.count }
        }
        let done = worker.counters.snapshot
        #expect(done.transactionsAborted == 1)
        #expect(done.restored == 0, "nothing was read again to rebuild state")
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.last?.value } == payloads.map { Array($0.utf8) })
    }

    /// The broker refuses a prediction for good: the transaction is aborted, and not the worker.
    @Test func aRefusedProduceAbortsTheTransaction() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        try WorkerTests.publish(messages, settings)
        broker.fail(.produce, with: [.messageTooLarge])
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "everything to be committed") { worker.counters.snapshot.committed == messages.count }
        }
        #expect(worker.counters.snapshot.transactionsAborted >= 1)
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.last?.value } == payloads.map { Array($0.utf8) })
    }

    /// A record that is refused every time ends the worker with the broker's reason, after a few attempts.
    @Test func aRecordThatIsAlwaysRefusedEndsTheWorkerWithTheReason() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        let (messages, _) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages, rig.settings)
        rig.broker.fail(.produce, with: .init(repeating: .messageTooLarge, count: 100_000))
        let worker = try rig.worker()
        do {
            try await worker.run()
            Issue.record("the worker stopped without a reason")
        } catch let error as WorkerError {
            #expect(error.description.contains("MSG_SIZE_TOO_LARGE"), "\(error)")
        }
        #expect((1...20).contains(worker.counters.snapshot.transactionsAborted))
        #expect(worker.counters.snapshot.committed == 0)
    }

    /// Another member leaves in the same moment: the last commit is refused until partitions have been given out anew.
    @Test(arguments: [1, 20])
    func commitsWhatItHasProcessedWhenItStopsDuringARebalance(refusals: Int) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.commitIntervalMilliseconds = 3_600_000
        let settings = rig.settings
        let broker = rig.broker
        let (messages, _) = try WorkerTests.shop(customers: 20)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try WorkerTests.publish(messages, settings)
            try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
            #expect(worker.counters.snapshot.committed == 0)
            broker.fail(.offsetCommit, with: .init(repeating: .rebalanceInProgress, count: refusals))
        }
        #expect(worker.counters.snapshot.committed == messages.count)
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer)
        defer { consumer.close() }
        let committed = try consumer.committed(
            [TopicPartition(topic: settings.inputTopic, partition: 0)], timeoutMilliseconds: 5000)
        #expect(committed.map(\.offset) == [Int64(messages.count)])
    }

    /// A prediction that could not be delivered is never committed, whatever the broker calls it.
    @Test func whatWasNotDeliveredIsNotCommitted() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages, settings)
        // 47: INVALID_PRODUCER_EPOCH, which a producer without transactions outlives.
        broker.fail(.produce, with: [EmbeddedBroker.Fault](repeating: .init(code: 47), count: 3))
        let failing = try rig.worker()
        await #expect(throws: KafkaError.self) {
            try await rig.running(failing) {
                try wait(for: "the messages") { failing.counters.snapshot.received == messages.count }
            }
        }
        broker.clearFaults(of: .produce)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "everything to be committed") {
                failing.counters.snapshot.committed + worker.counters.snapshot.committed >= messages.count
            }
        }
        let found = try WorkerTests.records(payloads.count, settings)
        #expect(Set(found.map(\.sourceOffset)).count == payloads.count)
    }

    @Test func everyThreadIsWaitedForOnce() {
        let shutdown = Shutdown(threads: 2)
        #expect(!shutdown.isRequested && !shutdown.isCommitted)
        shutdown.begin()
        shutdown.markCommitted(1)
        shutdown.markCommitted(1)
        #expect(shutdown.isRequested && !shutdown.isCommitted)
        shutdown.markCommitted(0)
        #expect(shutdown.isCommitted)
    }

    /// The last transaction is refused: it is aborted, which loses nothing, and the next worker processes it again.
    @Test func aTransactionThatIsRefusedWhenItStopsIsLeftToTheNext() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.guarantee = .exactlyOnce
        rig.settings.commitIntervalMilliseconds = 3_600_000
        let settings = rig.settings
        let broker = rig.broker
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        try WorkerTests.publish(messages, settings)
        for fault in [EmbeddedBroker.Fault.illegalGeneration, nil] {
            let worker = try rig.worker()
            try await rig.running(worker) {
                try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
                if let fault { broker.fail(.transactionOffsetCommit, with: [fault]) }
            }
            let done = worker.counters.snapshot
            #expect(done.transactionsAborted == (fault == nil ? 0 : 1))
            #expect(done.committed == (fault == nil ? messages.count : 0))
        }
        let found = try WorkerTests.records(payloads.count, settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(bySource.keys.sorted().compactMap { bySource[$0]?.last?.value } == payloads.map { Array($0.utf8) })
    }

    /// Dead letters are there and do not come.
    @Test(.timeLimit(.minutes(10))) func redriveGivesUpWhenKafkaIsSilent() throws {
        let rig = try WorkerRig(partitions: 1)
        var settings = rig.settings
        settings.inputTopic = try #require(settings.deadLetterTopic)
        try WorkerTests.publish([(key: [1], value: SampleEvent().json)], settings)
        rig.broker.fail(.fetch, with: .init(repeating: .notLeader, count: 100_000))
        let error = #expect(throws: WorkerError.self) {
            try Redrive(settings: rig.settings, longestSilence: .seconds(4)).run { _ in }
        }
        #expect(error?.description.contains("run this again once Kafka answers") == true)
    }

    /// Without a deadline it would wait for the broker for ever.
    @Test(.timeLimit(.minutes(10))) func stopsWhenTheBrokerIsAway() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.shutdownMilliseconds = 2000
        let settings = rig.settings
        let broker = rig.broker
        let (messages, _) = try WorkerTests.shop(customers: 20)
        let worker = try rig.worker()
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try WorkerTests.publish(messages, settings)
        try wait(for: "the messages") { worker.counters.snapshot.received == messages.count }
        try broker.setBrokerDown()
        worker.requestStop()
        _ = try? await running.value
    }
}
