import Ensemble
import Events
import Foundation
import Kafka
import Scoring
import TestSupport
import Testing

@testable import Worker

/// A worker that comes back finds its state in a checkpoint.
@Suite(.waiting) struct RecoveryTests {
    /// What a worker did, and the newest checkpoint that it left.
    struct Piece {
        let done: WorkerCounters.Snapshot
        /// 0 without one.
        let checkpointOffset: Int64
    }

    /// Publishes a shop in pieces, each to a worker of its own, and expects the payloads of a replay.
    /// - Parameter stopsCleanly: otherwise a worker has no time left for a last checkpoint, as if it had been killed.
    func expectReplayInPieces(
        _ rig: WorkerRig, pieces: Int = 3, stopsCleanly: Bool = false,
        between: @Sendable (Int) throws -> Void = { _ in }
    ) async throws -> [Piece] {
        // Checkpoints as soon as there is anything new.
        rig.settings.recoverySeconds = 1
        if !stopsCleanly { rig.settings.shutdownMilliseconds = 0 }
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 60)
        var snapshots: [Piece] = []
        for piece in 0..<pieces {
            try between(piece)
            // Each longer than all before it: more of the log behind the last checkpoint than before it calls for another.
            func cut(_ piece: Int) -> Int { messages.count * ((1 << piece) - 1) / ((1 << pieces) - 1) }
            let part = messages[cut(piece)..<cut(piece + 1)]
            let worker = try rig.worker()
            try await rig.running(worker) {
                // The second half comes behind the checkpoint.
                let half = part.count / 2
                try WorkerTests.publish(part.prefix(half), settings)
                try wait(for: "half of the messages") { worker.counters.snapshot.received == half }
                try wait(for: "a checkpoint") {
                    let done = worker.counters.snapshot
                    return done.checkpoints > 0 || done.checkpointFailures > 0 || settings.checkpoints == .none
                        || stopsCleanly
                }
                try WorkerTests.publish(part.dropFirst(half), settings)
                try wait(for: "the messages") { worker.counters.snapshot.committed == part.count }
            }
            snapshots.append(
                Piece(done: worker.counters.snapshot, checkpointOffset: try rig.newestCheckpoint(below: cut(piece + 1)))
            )
        }
        #expect(try WorkerTests.predictions(payloads.count, settings) == payloads)
        return snapshots
    }

    /// Each worker but the first reads what was committed behind the checkpoint that it found, and nothing else.
    func expectCheckpointsUsed(_ pieces: [Piece]) {
        for (index, piece) in pieces.enumerated().dropFirst() {
            let committed = pieces[..<index].reduce(0) { $0 + $1.done.received }
            let checkpoint = pieces[index - 1].checkpointOffset
            #expect(checkpoint > 0)
            #expect(piece.done.restored == committed - Int(checkpoint))
        }
    }

    @Test(arguments: [WorkerSettings.CheckpointKind.directory, .topic], [false, true])
    func goesOnFromACheckpoint(store: WorkerSettings.CheckpointKind, stopsCleanly: Bool) async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.checkpoints = store
        if let topic = rig.settings.checkpointTopicName { _ = try rig.broker.createTopic(topic, partitions: 1) }
        let pieces = try await expectReplayInPieces(rig, stopsCleanly: stopsCleanly)
        expectCheckpointsUsed(pieces)
        // A clean stop leaves a checkpoint of everything; a kill is cheap as well, and not as cheap.
        let restored = pieces.dropFirst().map(\.done.restored)
        #expect(stopsCleanly ? restored.allSatisfy { $0 == 0 } : restored.contains { $0 > 0 }, "\(restored)")
    }

    @Test func readsTheLogFromItsStartWithoutCheckpoints() async throws {
        let rig = try WorkerRig(partitions: 1)
        rig.settings.checkpoints = .none
        let snapshots = try await expectReplayInPieces(rig)
        #expect(snapshots.last!.done.restored == snapshots.dropLast().reduce(0) { $0 + $1.done.received })
    }

    @Test func fallsBackWhenCheckpointsAreDamaged() async throws {
        let rig = try WorkerRig(partitions: 1)
        let folder = rig.settings.checkpointDirectory
        let snapshots = try await expectReplayInPieces(rig, pieces: 4) { piece in
            let files = FileManager.default.subpaths(atPath: folder)?.filter { $0.hasSuffix("checkpoint") }.sorted()
            // The newest of two, and in the end all of them.
            let damaged = piece == 3 ? files ?? [] : (files ?? []).suffix(piece > 1 ? 1 : 0)
            for name in damaged {
                let handle = try FileHandle(forUpdating: URL(fileURLWithPath: "\(folder)/\(name)"))
                try handle.seek(toOffset: 200)
                try handle.write(contentsOf: [0xFF, 0x00, 0xFF])
                try handle.close()
            }
        }
        let before = snapshots.dropLast().reduce(0) { $0 + $1.done.received }
        #expect(snapshots.last!.done.restored == before, "without any checkpoint, all of the log")
    }

    @Test func theStreamGoesOnWhenCheckpointsCannotBeWritten() async throws {
        let rig = try WorkerRig(partitions: 1)
        let folder = rig.settings.checkpointDirectory
        let snapshots = try await expectReplayInPieces(rig, pieces: 1) { _ in
            // Where the group's folder should be there is a file.
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: "\(folder)/future-cart"))
        }
        #expect(snapshots[0].done.checkpoints == 0 && snapshots[0].done.checkpointFailures > 0)
    }

    /// More than the embedded broker keeps of a partition, so that the log is cut.
    func cutLog(_ settings: WorkerSettings) throws {
        var filling = SampleEvent(customer: "")
        filling.description = String(repeating: "x", count: 1000)
        let value = filling.json
        try WorkerTests.publish((0..<7000).map { _ in (key: [1], value: value) }, settings)
    }

    @Test func stopsWhenTheLogHasBeenCut() async throws {
        let rig = try WorkerRig(partitions: 1)
        try cutLog(rig.settings)
        for kind in WorkerSettings.CheckpointKind.allCases {
            rig.settings.checkpoints = kind
            if let topic = rig.settings.checkpointTopicName { _ = try rig.broker.createTopic(topic, partitions: 1) }
            do {
                try await rig.worker().run()
                Issue.record("a worker ran on a log that has been cut, \(kind)")
            } catch let error as WorkerError {
                #expect(error.description.contains("there is no usable checkpoint"))
                #expect(error.description.contains("set recovery.when_log_is_cut: continue"))
            }
        }
    }

    @Test func goesOnWithMarkedPredictionsWhereItIsToldTo() async throws {
        let rig = try WorkerRig(partitions: 1)
        try cutLog(rig.settings)
        rig.settings.whenLogIsCut = .continue
        rig.settings.recoverySeconds = 1
        let settings = rig.settings
        // The mark stays with the state, through checkpoints and restarts.
        for round in 0..<2 {
            let worker = try rig.worker()
            try await rig.running(worker) {
                try WorkerTests.publish([(key: [1], value: SampleEvent(invoice: "\(round)").json)], settings)
                try wait(for: "the event") { worker.counters.snapshot.scored == 1 }
                try wait(for: "a checkpoint") { round > 0 || worker.counters.snapshot.checkpoints > 0 }
            }
            if round > 0 { #expect(worker.counters.snapshot.restored == 0) }
        }
        let found = try WorkerTests.predictions(2, settings)
        #expect(found.allSatisfy { $0.hasSuffix(",\"state_incomplete\":true}") }, "\(found)")
    }

    @Test func anEventThatIsDrivenAgainCountsOnce() async throws {
        let rig = try WorkerRig(partitions: 1)
        let settings = rig.settings
        // Understood from the start, though it was a dead letter under other names once: the copy is scored as the
        // customer stands, and changes nothing.
        let events = (0..<3).map { SampleEvent(invoice: "\($0)").json }
        let worker = try rig.worker()
        try await rig.running(worker) {
            try WorkerTests.publish(events.map { (key: [1], value: $0) }, settings)
            let producer = try Producer(properties: settings.kafkaProperties.producer)
            defer { producer.close() }
            let topic = try producer.topic(named: settings.inputTopic)
            for header in [Header("redriven.offset", "1"), Header("redriven.offset", "nonsense")] {
                try events[1].withUnsafeBytes {
                    try producer.produce(to: topic, partition: 0, key: $0, value: $0, headers: [header])
                }
            }
            try producer.flush(timeoutMilliseconds: 5000)
            try wait(for: "the messages") { worker.counters.snapshot.received == 5 }
        }
        let found = try WorkerTests.predictions(5, settings)
        var wanted = try WorkerTests.payloads(events + [events[1]])
        let unchanged = wanted[2].replacing("\"invoice_no\":\"2\"", with: "\"invoice_no\":\"1\"")
        wanted.insert(unchanged, at: 3)
        #expect(found == wanted)
    }
}
