import Customers
import Events
import Monitoring
import Scoring

/// What becomes of predictions of the schedule's instants that stand behind a message.
struct RescoredSlice: Equatable {
    /// Whether they are handed to the sink.
    var isPublished: Bool
    /// Whether the label join has not seen them.
    var isJoined = true
}

/// The customers whom an instant of the schedule may be due for, by bucket.
struct DueCustomers {
    let instant: Int64
    /// Indices into the table, bucket after bucket.
    private var indices: [Int32]
    /// Where each bucket begins.
    private var starts = [Int](repeating: 0, count: RescoringSchedule.buckets + 1)

    /// - Complexity: O(customers).
    init(of table: CustomerTable, at instant: Int64) {
        self.instant = instant
        let silent = (0..<table.count).filter { table.isSilent($0, since: instant) }
        for index in silent { starts[RescoringSchedule.bucket(ofHash: table.customerHash(at: index)) + 1] += 1 }
        for bucket in 0..<RescoringSchedule.buckets { starts[bucket + 1] += starts[bucket] }
        indices = [Int32](repeating: 0, count: silent.count)
        var next = starts
        for index in silent {
            let bucket = RescoringSchedule.bucket(ofHash: table.customerHash(at: index))
            indices[next[bucket]] = Int32(index)
            next[bucket] += 1
        }
    }

    subscript(bucket: Int) -> ArraySlice<Int32> { indices[starts[bucket]..<starts[bucket + 1]] }
}

/// Scoring customers who stay away, as of the instants of the schedule (`RescoringSchedule`).
extension ScoringPipeline {
    /// Scores the next customers who are due in a partition, and hands the predictions to the sink.
    /// - Parameter rows: stops soon after so many predictions.
    /// - Returns: what came of it. `PartitionState.isRescoringDue` says whether there are more.
    /// - Throws: what the sink throws; see `RecordSink` for what the state is then.
    /// - Complexity: O(rows), and O(customers) at the first call for an instant.
    package func rescore(
        _ partition: PartitionState, rows: Int, into sink: any RecordSink
    ) throws -> BatchResult {
        var result = BatchResult()
        guard partition.stateOffset > 0 else { return result }
        // The message that made them due.
        let offset = partition.stateOffset - 1
        guard let slice = nextSlice(of: partition, behind: offset) else { return result }
        // What was published before is joined as of the model that made it.
        let model = slice.isPublished ? model : self.model(at: offset, of: partition).model
        var batch = SourceBatch()
        batch.append(SourceMessage(position: 0, offset: offset, value: nil))
        batch.endRun(of: partition)
        while model.scorer.pendingCount < rows, nextSlice(of: partition, behind: offset) == slice {
            addNextBucket(of: partition, to: &model.scorer)
        }
        try publish(batch, by: model, &model.scorer, &monitor, &labelJoinBatch, slice, into: sink, &result)
        return result
    }

    /// Whether what comes of the next customers who are due in a partition is handed to the sink.
    package func publishesDue(of partition: PartitionState) -> Bool {
        nextSlice(of: partition, behind: partition.stateOffset - 1)?.isPublished ?? false
    }

    /// Processes a batch to its end, and after each message the customers who are due.
    /// - Returns: how many predictions the sink was handed.
    /// - Throws: what the sink throws.
    package func processAll(_ batch: borrowing SourceBatch, into sink: any RecordSink) throws -> Int {
        var published = 0
        repeat {
            let result = try process(batch, into: sink)
            published += result.published + result.rescored
            for run in batch.runs { published += try rescoreAll(run.partition, into: sink) }
        } while batch.runs.contains { $0.partition.stateOffset <= batch.messages[$0.messages.upperBound - 1].offset }
        return published
    }

    /// Scores all customers who are due in a partition.
    /// - Returns: how many predictions the sink was handed.
    package func rescoreAll(_ partition: PartitionState, into sink: any RecordSink) throws -> Int {
        var published = 0
        while partition.isRescoringDue { published += try rescore(partition, rows: 1024, into: sink).rescored }
        return published
    }

    /// What becomes of the customers who are due next. Instants of which nothing comes any more are passed over.
    /// - Returns: `nil` when nobody is due.
    private func nextSlice(of partition: PartitionState, behind offset: Int64) -> RescoredSlice? {
        while partition.isRescoringDue, let cursor = partition.rescoring?.cursor {
            let isPublished =
                offset >= partition.restoreEndOffset || partition.rescored.map { cursor >= $0 } ?? false
            let isJoined = partition.joinsRescored && partition.rescoring?.isGraded(cursor.instant) ?? false
            if isPublished || isJoined { return RescoredSlice(isPublished: isPublished, isJoined: isJoined) }
            let isPartlyPublished = partition.rescored?.instant == cursor.instant
            partition.rescored(
                toBucket: isPartlyPublished ? partition.rescored?.bucket ?? 0 : RescoringSchedule.buckets)
        }
        return nil
    }

    private func addNextBucket(of partition: PartitionState, to scorer: inout Scorer) {
        guard let cursor = partition.rescoring?.cursor else { return }
        if partition.dueCustomers?.instant != cursor.instant {
            partition.dueCustomers = DueCustomers(of: partition.table, at: cursor.instant)
        }
        let indices = partition.dueCustomers?[cursor.bucket] ?? []
        if !indices.isEmpty {
            let completeFrom = partition.completeFrom(clock: partition.table.clock.time)
            for index in partition.table.sortedByIdentifier(indices) {
                _ = scorer.addScheduled(
                    Int(index), of: partition.table, at: cursor.instant, tag: 0, completeFrom: completeFrom)
            }
        }
        partition.rescored(toBucket: cursor.bucket + 1)
        if !partition.isRescoringDue { partition.dueCustomers = nil }
    }

    /// Scores a customer as of the instants that their event passes before the partition's clock has, before their state changes.
    /// - Parameter isPublished: whether the event's message is live.
    @inline(__always)
    func score(
        _ schedule: RescoringSchedule, before event: CustomerEvent, tag: Int, of table: CustomerTable,
        into scorer: inout Scorer, isPublished: Bool, _ partition: PartitionState
    ) {
        // The clock is mostly behind an instant that the whole batch is behind.
        if let cursor = schedule.cursor, event.time <= cursor.instant { return }
        scorePassed(schedule, event, tag, table, &scorer, isPublished, partition)
    }

    private func scorePassed(
        _ schedule: RescoringSchedule, _ event: CustomerEvent, _ tag: Int, _ table: CustomerTable,
        _ scorer: inout Scorer, _ isPublished: Bool, _ partition: PartitionState
    ) {
        guard let index = table.index(of: event.customerID, hash: event.customerHash, at: event.time) else { return }
        let last = table.withState(at: index) { $0.pointee.clock }
        let completeFrom = partition.completeFrom(clock: max(table.clock.time, event.time))
        for instant in schedule.instants(after: last, before: event.time)
        where isPublished || schedule.isGraded(instant) {
            _ = scorer.addScheduled(index, of: table, at: instant, tag: tag, completeFrom: completeFrom)
        }
    }

    /// For so long labels may become known later than their horizon is over.
    private static let latenessDays = 30

    /// Shows the label join a prediction of the schedule, if it is graded and has not been seen.
    func join(
        _ prediction: Scorer.Prediction, of message: SourceMessage, _ slice: RescoredSlice?,
        _ partition: PartitionState, by model: ScoringModel, _ joined: inout LabelJoin.Batch
    ) {
        guard slice?.isJoined ?? true, partition.rescoring?.isGraded(prediction.time) ?? false else { return }
        // Who may be forgotten before the label is known has no identifier to publish it by.
        let (days, horizon) = (Int64(partition.timeToLiveDays - Self.latenessDays), partition.labelJoin?.horizon ?? 0)
        guard prediction.time - prediction.clock <= days * EventTime.millisecondsPerDay - horizon else { return }
        let event = LabelJoin.Event(
            scheduled: prediction.time, customerHash: prediction.customerHash, scores: prediction.scores,
            offset: message.offset, member: model.labelJoinMember(of: prediction))
        if slice == nil { joined.append(event) } else { joined.append(scheduled: event) }
    }
}
