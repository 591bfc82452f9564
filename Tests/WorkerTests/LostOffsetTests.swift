import Events
import Foundation
import Kafka
import TestSupport
import Testing

@testable import Worker

/// A group loses its offsets when nobody was in it for seven days. Its checkpoints prove how far it was.
@Suite(.waiting) struct LostOffsetTests {
    static let partition = TopicPartition(topic: "t", partition: 3)

    @Test func whatIsKnownDecides() throws {
        func decide(
            _ committed: Int64?, _ checkpoint: Int64?, _ policy: WorkerSettings.LostOffsetPolicy, reset: Int64? = 5
        ) throws -> LostOffset.Decision {
            try LostOffset(committed: committed, reset: reset).decide(
                Self.partition, checkpointOffset: checkpoint, policy: policy)
        }
        // A new group, whatever the policy.
        for policy in WorkerSettings.LostOffsetPolicy.allCases {
            #expect(try decide(nil, nil, policy) == LostOffset.Decision(offset: 5, warning: nil))
            #expect(throws: WorkerError.self) { try decide(nil, nil, policy, reset: nil) }
        }
        let found = try decide(nil, 70, .checkpoint)
        #expect(found.offset == 70 && found.warning?.contains("publishing goes on there") == true)
        #expect(try decide(900, 70, .checkpoint).offset == 70)
        #expect(throws: WorkerError.self) { try decide(nil, 70, .fail) }
        // Never all over again without being told.
        for policy in [WorkerSettings.LostOffsetPolicy.checkpoint, .fail] {
            let error = #expect(throws: WorkerError.self) { try decide(900, nil, policy) }
            #expect(error?.description.contains("recovery.when_offsets_are_gone: reset") == true)
        }
        for (committed, checkpoint) in [(nil, 70), (900, nil), (900, 70)] as [(Int64?, Int64?)] {
            let decision = try decide(committed, checkpoint, .reset)
            #expect(decision.offset == 5 && decision.warning?.contains("repeats what was published") == true)
        }
    }

    /// A worker of a group that has the checkpoints of another one and no offsets.
    private func secondGroup(
        _ policy: WorkerSettings.LostOffsetPolicy, _ change: (WorkerRig) throws -> Void = { _ in }
    ) async throws -> (rig: WorkerRig, events: Int) {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.group = "first"
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 20)
        let scored = messages.filter { !$0.key.isEmpty }
        try WorkerTests.publish(scored.dropLast(10), settings)
        let first = try rig.worker()
        try await rig.running(first) {
            try wait(for: "the first messages") { first.counters.snapshot.committed == scored.count - 10 }
        }
        try WorkerTests.publish(scored.suffix(10), settings)
        let folder = settings.checkpointDirectory
        try FileManager.default.moveItem(atPath: "\(folder)/first", toPath: "\(folder)/second")
        rig.settings.group = "second"
        rig.settings.whenOffsetsAreGone = policy
        try change(rig)
        return (rig, payloads.count)
    }

    @Test func publishingGoesOnWhereTheCheckpointEnds() async throws {
        let (rig, events) = try await secondGroup(.checkpoint)
        let settings = rig.settings
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "the last messages") { worker.counters.snapshot.committed == 10 }
        }
        // Each once, as if nothing had happened.
        let found = try WorkerTests.records(events, settings)
        #expect(found.count == events && Set(found.map(\.sourceOffset)).count == events)
        let (_, payloads) = try WorkerTests.shop(customers: 20)
        #expect(found.map { String(decoding: $0.value, as: UTF8.self) } == payloads)
    }

    @Test func aPersonMayDecide() async throws {
        let (rig, events) = try await secondGroup(.fail)
        let worker = try rig.worker()
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        #expect(error?.description.contains("the newest checkpoint is of offset \(events - 10)") == true, "\(error!)")

        let (again, all) = try await secondGroup(.reset)
        let other = try again.worker()
        try await again.running(other) {
            try wait(for: "all messages") { other.counters.snapshot.committed == all }
        }
        let found = try WorkerTests.records(all, again.settings)
        let bySource = Dictionary(grouping: found, by: \.sourceOffset)
        #expect(found.count == all + all - 10)
        #expect(bySource.values.allSatisfy { Set($0.map(\.value)).count == 1 })
    }

    /// Something else is under the topic's name now.
    @Test func anOffsetBeyondTheLogIsNoReasonToPublishAllAgain() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        let (messages, _) = try WorkerTests.shop(customers: 10)
        try WorkerTests.publish(messages, settings)
        let consumer = try Consumer(
            properties: settings.kafkaProperties.client.merging(["group.id": settings.group]) { $1 })
        try consumer.commit([PartitionOffset(topic: settings.inputTopic, partition: 0, offset: 1_000_000)])
        consumer.close()
        let worker = try rig.worker()
        let error = await #expect(throws: WorkerError.self) { try await worker.run() }
        #expect(error?.description.contains("committed offset 1000000 is outside the log") == true, "\(error!)")
        #expect(worker.counters.snapshot.scored == 0)
    }
}
