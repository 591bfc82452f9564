import CoreMetrics
import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Logging
import Monitoring
import Scoring
import TestSupport
import Testing

@testable import Pipeline
@testable import Worker

private final class FailingSink: RecordSink {
    struct Failure: Error {}
    var fails = false
    func reject(_ rejected: [RejectedMessage], live: Int) {}
    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        if fails { throw Failure() }
    }
}

/// A partition's way to being live, and what may be taken of it then.
@Suite struct PartitionTaskTests {
    func task(number: Int32 = 0, restoreEndOffset: Int64) -> PartitionTask {
        let state = PartitionState(
            topic: "customer-events", number: number, startOffset: 0, restoreEndOffset: restoreEndOffset,
            timeToLiveDays: 730, labelJoin: nil)
        return PartitionTask(
            partition: TopicPartition(topic: "customer-events", partition: number), state: state, logStartOffset: 0,
            logEndOffset: 12, restore: nil, isAtStart: true)
    }

    @Test func theLogsEndMakesItLiveWhereNothingElseCanCome() {
        let task = task(restoreEndOffset: 10)
        task.state.took(upTo: 7)
        #expect(!task.processed(live: 0) && !task.isRestored)
        // A reader of committed records is shown an end while a transaction is open.
        #expect(!task.reachedEnd(8) && !task.isRestored)
        #expect(task.nextOffset == 8 && task.position == 7)
        #expect(task.reachedEnd(10) && task.isRestored, "live for the first time")
        #expect(!task.reachedEnd(12), "and only once")
        // What is committed is where messages were processed up to.
        #expect(task.nextOffset == 12 && task.position == 7)
    }

    /// Customers who are due change no state: the schedule alone tells that what came of them has to be taken back.
    @Test func whatFailsAmongDueCustomersIsTakenBack() throws {
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(), scorer: Scorer(artifact: try ModelArtifact(path: Checkout.models)),
            monitor: PredictionMonitor())
        let state = PartitionState(
            topic: "customer-events", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 730,
            rescoring: RescoringSchedule(period: EventTime.millisecondsPerDay), labelJoin: nil)
        let task = PartitionTask(
            partition: TopicPartition(topic: "customer-events", partition: 0), state: state, logStartOffset: 0,
            logEndOffset: 1000, restore: nil, isAtStart: true)
        let (sink, shop) = (FailingSink(), ShopGenerator(customers: 30, days: 100, seed: 2))
        while !state.isRescoringDue, let message = shop.nextMessage() {
            var batch = SourceBatch()
            batch.append(SourceMessage(position: 0, offset: state.stateOffset, value: message))
            batch.endRun(of: state)
            _ = try pipeline.process(batch, into: sink)
        }
        _ = task.processed(live: Int(state.stateOffset))
        task.committed(task.uncommitted)
        state.setUndoPoint()
        #expect(!task.hasUncommittedState)
        let cursor = state.rescoring?.cursor
        sink.fails = true
        #expect(throws: FailingSink.Failure.self) { try pipeline.rescoreAll(state, into: sink) }
        #expect(task.hasUncommittedState, "nobody has what the customers were scored for")
        pipeline.discardPending()
        #expect(task.rewind() && state.rescoring?.cursor == cursor && !task.hasUncommittedState)
        sink.fails = false
        #expect(try pipeline.rescoreAll(state, into: sink) > 0)
    }

    /// Where a checkpoint begins, the state is that of the committed offset.
    @Test func noCheckpointBeginsWhileSomethingIsUncommitted() throws {
        let directory = try TemporaryDirectory()
        let registry = PartitionRegistry()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let reporter = ThreadReporter(
            number: 0, counters: WorkerCounters(threads: 1), board: ThreadBoard(),
            watch: ClusterWatch(WorkerSettings(), logger: logger), metrics: NOOPMetricsHandler.instance, logger: logger)
        let checkpointer = Checkpointer(
            settings: WorkerSettings(), store: try DirectoryCheckpoints(path: directory.path, group: "g"),
            registry: registry, publisher: TopicCheckpointTests.Log(), reporter: reporter)
        checkpointer.drain()
        let (one, other) = (task(number: 0, restoreEndOffset: 0), task(number: 1, restoreEndOffset: 0))
        for task in [one, other] {
            registry.add(task)
            task.state.took(upTo: 5)
            _ = task.processed(live: 5)
        }
        one.committed(PartitionTask.Uncommitted(messages: 5))
        checkpointer.beginIfDue()
        #expect(!checkpointer.isRunning, "the other partition's messages may still be taken back")
        other.committed(PartitionTask.Uncommitted(messages: 5))
        checkpointer.beginIfDue()
        #expect(checkpointer.isRunning)
        while checkpointer.isRunning { #expect(try checkpointer.advance()) }
        #expect(one.checkpoints.last?.offset == 5 || other.checkpoints.last?.offset == 5)
    }
}
