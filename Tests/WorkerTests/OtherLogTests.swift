import Customers
import Events
import Foundation
import Kafka
import Pipeline
import TestSupport
import Testing

@testable import Worker

/// A topic that was deleted and made anew has the old one's name, and the old one's checkpoints.
@Suite(.waiting) struct OtherLogTests {
    /// Runs a worker over a shop's messages until all are committed and a checkpoint is taken.
    private func run(_ rig: WorkerRig, _ messages: [(key: [UInt8], value: [UInt8])]) async throws {
        try WorkerTests.publish(messages, rig.settings)
        let worker = try rig.worker()
        try await rig.running(worker) {
            try wait(for: "the messages") { worker.counters.snapshot.committed == messages.count }
        }
    }

    @Test func aCheckpointOfAnotherTopicOfTheSameNameIsPassedOver() async throws {
        let first = try WorkerRig(partitions: 1)
        let (old, _) = try WorkerTests.shop(customers: 15)
        try await run(first, old.filter { !$0.key.isEmpty })

        // The same group, checkpoints and topic, and other messages in it; more of them than the old one had.
        let second = try WorkerRig(partitions: 1)
        try FileManager.default.moveItem(
            atPath: first.settings.checkpointDirectory, toPath: second.settings.checkpointDirectory)
        let (new, payloads) = try WorkerTests.shop(customers: 60)
        let scored = new.filter { !$0.key.isEmpty }
        #expect(scored.count > 2 * old.count)
        try await run(second, scored)
        let found = try WorkerTests.records(payloads.count, second.settings)
        #expect(
            found.map { String(decoding: $0.value, as: UTF8.self) } == payloads, "as if there had been no other topic")
    }

    @Test func aMessageIsKnownAgain() throws {
        let rig = try WorkerRig(partitions: 1)
        let (messages, _) = try WorkerTests.shop(customers: 3)
        try WorkerTests.publish(messages, rig.settings)
        let partition = TopicPartition(topic: rig.settings.inputTopic, partition: 0)
        let consumer = try Consumer(properties: rig.settings.kafkaProperties.client.merging(["group.id": "g"]) { $1 })
        try consumer.assign([PartitionOffset(partition, offset: 0)])
        let batch = MessageBatch(capacity: 1000)
        var marks: [LogMark] = []
        try wait(for: "the messages") {
            try consumer.poll(into: batch, timeoutMilliseconds: 100)
            marks += (0..<batch.count).map {
                LogMark(
                    offset: batch[$0].offset, timestampMilliseconds: batch[$0].timestampMilliseconds,
                    value: batch[$0].value)
            }
            return marks.count == messages.count
        }
        consumer.close()
        let log = LogReader(properties: rig.settings.kafkaProperties.checkpointReader)
        let mark = marks[marks.count / 2]
        #expect(try log.has(mark, in: partition))
        #expect(try log.has(marks[0], in: partition) && log.has(marks[marks.count - 1], in: partition))
        #expect(
            try !log.has(LogMark(offset: mark.offset, timestamp: mark.timestamp, hash: mark.hash ^ 1), in: partition))
        #expect(
            try !log.has(LogMark(offset: mark.offset, timestamp: mark.timestamp + 1, hash: mark.hash), in: partition))
        #expect(
            try !log.has(LogMark(offset: mark.offset - 1, timestamp: mark.timestamp, hash: mark.hash), in: partition))
        // What is not there any more, or not yet, says nothing.
        let beyond = LogMark(offset: Int64(messages.count), timestamp: 1, hash: 1)
        #expect(try log.has(beyond, in: partition))
    }

    /// Checkpoints from before marks were written are read as they are.
    @Test func theFirstLayoutOfHeadersIsStillRead() throws {
        var writer = ByteWriter()
        writer.varint(1)
        writer.counted("events")
        writer.signed(3)
        writer.signed(1234)
        writer.word64(CheckpointHeader.stateFingerprint(timeToLiveDays: 730))
        writer.word64(7)
        writer.signed(5)
        writer.varint(1)
        PartitionClock().encode(into: &writer)
        writer.varint(9)
        let header = try writer.bytes.withReader { reader throws(StateError) in try CheckpointHeader(decoding: &reader)
        }
        #expect(header.partition == TopicPartition(topic: "events", partition: 3) && header.offset == 1234)
        #expect(header.customers == 9 && header.decodedFrom == 5)
        #expect(header.gap == StateGap() && header.mark == nil && header.partitions == nil)

        var again = ByteWriter()
        let mark = LogMark(offset: 1233, timestamp: 99, hash: 0xFEED)
        let newer = CheckpointHeader(
            partition: header.partition, offset: 1234, stateFingerprint: 1, decoderFingerprint: 2, decodedFrom: 3,
            gap: StateGap(since: 77), mark: mark, partitions: 4, clock: PartitionClock(), customers: 9)
        newer.encode(into: &again)
        #expect(
            try again.bytes.withReader { reader throws(StateError) in try CheckpointHeader(decoding: &reader) } == newer
        )
    }
}
