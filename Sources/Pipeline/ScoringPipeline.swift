import Customers
import Dispatch
import Ensemble
import Events
import Monitoring
import Scoring

/// Messages in, records out: decode → update state and take feature rows → score → publish → join labels.
///
/// It knows no Kafka: a topic, a history file, an array in a test drive it alike. What it makes of a message depends on the
/// messages of its partition before it and on the artifact, never on where batches begin and end. Owned by one thread.
package final class ScoringPipeline {
    /// An event, its message's place in the batch and its own in the message.
    private struct DecodedEvent {
        let event: CustomerEvent
        let index: Int
        let line: Int
        /// Whether its message's original, if it is redriven, is not in the state.
        let updatesState: Bool
        /// Whether it has a prediction.
        var isScored: Bool
    }

    /// An event without a prediction, and how many predictions come before it.
    private struct UnscoredEvent {
        let event: LabelJoin.Event
        let predictionsBefore: Int
    }

    private let decoder: EventDecoder
    /// The model that scores live messages.
    package internal(set) var model: ScoringModel
    /// Models of other versions that have scored messages which rebuild state; `nil` where there is no such artifact.
    var past: [String: ScoringModel?] = [:]
    let findArtifact: (String) -> ModelArtifact?
    let outcomeSchema: UInt32?
    /// What was noted of the predictions so far.
    package internal(set) var monitor: PredictionMonitor
    let scoresEachLine: Bool
    private var decoded: [DecodedEvent] = []
    private var unscored: [UnscoredEvent] = []
    private var rejected: [RejectedMessage] = []
    var labelJoinBatch = LabelJoin.Batch()
    /// Stands for the messages of events that were taken without one.
    var takenEvents = SourceBatch()
    /// Whether an event of the message that is being taken had not been sent before.
    var takenMessageIsNew = false
    var outcomePayload: [UInt8] = []

    /// - Parameters:
    ///   - scorer: of the model that scores live messages.
    ///   - outcomeSchema: the number in a registry of the schema that outcomes are written by; `nil` for JSON.
    ///   - findArtifact: gives the artifact of a version that has scored earlier messages; `nil` where it is gone.
    package init(
        decoder: EventDecoder, scorer: Scorer, monitor: PredictionMonitor, outcomeSchema: UInt32? = nil,
        findArtifact: @escaping (String) -> ModelArtifact? = { _ in nil }
    ) {
        self.findArtifact = findArtifact
        self.decoder = decoder
        scoresEachLine = decoder.format.predictions == .line
        model = ScoringModel(scorer)
        self.outcomeSchema = outcomeSchema
        self.monitor = monitor
    }

    /// The artifact that it scores live messages with.
    package var artifact: ModelArtifact { model.scorer.artifact }

    /// The models that score live messages beside it.
    package var companions: [CompanionModel] { model.scorer.companionModels }

    /// Whether messages name the schema that they are written by.
    package var readsRegistrySchemas: Bool { decoder.format.catalogue != nil }

    /// The number of the schema that has to be asked for before a message can be processed; `nil` when none has to.
    package func missingSchema(of message: UnsafeRawBufferPointer) -> UInt32? { decoder.missingSchema(of: message) }

    /// A label join for a partition that this pipeline serves.
    /// - Parameters:
    ///   - windowDays: for how many days of event time after their horizon predictions count.
    ///   - limit: most predictions that it keeps.
    package func makeLabelJoin(windowDays: Int, limit: Int) -> LabelJoin {
        var labelJoin = LabelJoin(horizon: artifact.schema.horizon, windowDays: windowDays, limit: limit)
        labelJoin.use(model.labelJoinVersions)
        return labelJoin
    }

    /// The drift window's counts as they stand; `nil` when drift is not watched.
    package func takeDriftSnapshot() -> DriftWindow.Snapshot? { monitor.drift?.takeSnapshot() }

    /// Rows of the latest predictions.
    package var recentRows: RecentRows.Snapshot { monitor.recentRows.snapshot }

    /// A customer with so large a share of all events that it is rather a placeholder than a person, since the last call.
    package func takeFrequentCustomer(among partitions: [PartitionState]) -> (customerID: [UInt8], share: Double)? {
        let customers = partitions.reduce(0) { $0 + $1.table.count }
        guard let found = monitor.frequentCustomers.takeSuspicious(customers: customers) else { return nil }
        return partitions.lazy.compactMap { $0.table.customerID(ofHash: found.hash) }.first.map { ($0, found.share) }
    }

    /// Processes a batch: takes each message into its partition's state, and hands what comes of the live ones to the sink.
    ///
    /// It stops at a message behind which customers are due (`PartitionState.isRescoringDue`): `rescore` comes before the rest.
    /// - Parameter past: the model that has scored the messages before, where none of them is live; otherwise the present one.
    /// - Throws: what the sink throws; see `RecordSink` for what the state is then.
    /// - Complexity: O(bytes of the messages), and the ensemble's cost for each event.
    package func process(
        _ batch: borrowing SourceBatch, by past: ScoringModel? = nil, into sink: any RecordSink
    ) throws -> BatchResult {
        let model = past ?? model
        var result = BatchResult()
        // They hold their partitions, which may be released by then.
        defer { rejected.removeAll(keepingCapacity: true) }
        for run in batch.runs { run.partition.table.keepRemovedIdentifiers() }
        for run in batch.runs { decodeAndUpdate(run, of: batch.messages, &model.scorer, &result) }
        result.rejected = rejected.count
        try sink.reject(rejected, live: result.live)
        try publish(batch, by: model, &model.scorer, &monitor, &labelJoinBatch, into: sink, &result)
        return result
    }

    /// Forgets what a failed batch has left behind.
    package func discardPending() {
        model.scorer.removePending()
        unscored.removeAll(keepingCapacity: true)
    }

    // MARK: Into state

    /// Takes consecutive messages of one partition into its customers' states, and the events to be scored into the scorer.
    private func decodeAndUpdate(
        _ run: SourceBatch.Run, of messages: [SourceMessage], _ scorer: inout Scorer, _ result: inout BatchResult
    ) {
        let partition = run.partition
        // A run before this one has stopped: nothing may be passed over.
        guard !partition.isRescoringDue else { return result.liveOfRun.append(0) }
        var next = partition.stateOffset
        var (live, end) = (0, run.messages.upperBound)
        var (clock, schedule) = (partition.table.clock, partition.rescoring)
        // The first event behind the message that has begun the schedule.
        var began = schedule?.cursor == nil ? nil : 0
        let begun = monotonicNanoseconds()
        decoder.forgetTexts()
        decoded.removeAll(keepingCapacity: true)
        for index in run.messages {
            let message = messages[index]
            guard message.offset >= next else { continue }
            // What comes behind is decoded again, and counted then.
            schedule?.observe(clock: clock.time)
            if schedule?.isDue(clock: clock.time) ?? false {
                end = index
                break
            }
            next = message.offset + 1
            let isLive = message.offset >= partition.restoreEndOffset
            if isLive { live += 1 } else { result.restored += 1 }
            guard let value = message.value else {
                if isLive { result.tombstones += 1 }
                continue
            }
            if began == nil, schedule?.cursor != nil { began = decoded.count }
            let first = decoded.count
            // A redriven event whose original is in the state does not update it.
            let (before, updatesState) = (clock, !partition.holdsOriginal(of: message))
            do throws(EventError) {
                var line = 0
                let events = try decoder.decode(value, timestamp: message.timestampMilliseconds, keepingTexts: true) {
                    event in
                    if !event.isAnonymous {
                        if schedule != nil, updatesState { clock.observe(event.time) }
                        decoded.append(
                            DecodedEvent(
                                event: event, index: index, line: line, updatesState: updatesState,
                                isScored: scoresEachLine))
                    }
                    line += 1
                }
                if decoded.count > first {
                    decoded[decoded.count - 1].isScored = true
                } else if isLive {
                    if events == 0 { result.ignored += 1 } else { result.anonymous += 1 }
                }
            } catch {
                decoded.removeLast(decoded.count - first)
                clock = before
                if error.isOfRegistry { partition.couldNotRead(message.offset) }
                if isLive { rejected.append(RejectedMessage(partition: partition, message: message, reason: error)) }
            }
        }
        if let first = decoded.first { partition.meets(eventTime: first.event.time) }
        let decodedAt = monotonicNanoseconds()
        result.times.decode += decodedAt - begun
        update(
            &partition.table, &scorer, of: partition, messages, schedule: partition.rescoring?.begun(by: schedule),
            from: began ?? .max, &result)
        result.times.update += monotonicNanoseconds() - decodedAt
        result.live += live
        result.liveOfRun.append(live)
        if next > partition.stateOffset { partition.took(messages[end - 1], upTo: next, schedule) }
    }

    /// Takes the decoded events into their customers' states.
    ///
    /// The table and the scorer are passed in, so that they are borrowed from their owners once and not for every event.
    /// - Parameters:
    ///   - schedule: with its cursor, once it has begun.
    ///   - began: the first event behind that.
    private func update(
        _ table: inout CustomerTable, _ scorer: inout Scorer, of partition: PartitionState,
        _ messages: [SourceMessage], schedule: RescoringSchedule?, from began: Int, _ result: inout BatchResult
    ) {
        let restoreEndOffset = partition.restoreEndOffset
        let labelJoinOffset = partition.labelJoin?.nextOffset ?? .max
        let unbegun = schedule.map { RescoringSchedule(period: $0.period) }
        // The latest message with an event that had not been sent before.
        var newest = -1
        for turn in decoded.indices {
            table.lookAhead(from: turn, count: decoded.count) { decoded[$0].event }
            let (event, index) = (decoded[turn].event, decoded[turn].index)
            let message = messages[index]
            var updatesState = decoded[turn].updatesState
            if updatesState, table.isRepetition(event) {
                updatesState = false
                // As a first delivery that a restored state holds already, which cannot be told from it.
                table.observe(event.time)
                // The prediction of an order stands at its last line; it has one if any of its lines is new.
                if index != newest || scoresEachLine {
                    let isLast = turn + 1 == decoded.count || decoded[turn + 1].index != index
                    if index != newest, isLast, message.offset >= restoreEndOffset { result.repeated += 1 }
                    continue
                }
                if !decoded[turn].isScored { continue }
            } else {
                newest = index
            }
            // 1. The customer's restored state holds the message: only the clock moves.
            // 2. It is live, or the label join has not seen it: update and score.
            // 3. It only rebuilds state: update.
            if message.offset < restoreEndOffset,
                partition.isInRestoredState(message.offset, of: event.customerID)
            {
                if updatesState { table.observe(event.time) }
            } else if message.offset >= restoreEndOffset || message.offset >= labelJoinOffset {
                if updatesState, let schedule = turn < began ? unbegun : schedule {
                    score(
                        schedule, before: event, tag: index, of: table, into: &scorer,
                        isPublished: message.offset >= restoreEndOffset, partition)
                }
                guard decoded[turn].isScored else {
                    if updatesState { table.update(event) }
                    keep(unscored: event, at: message.offset, before: scorer.pendingCount)
                    continue
                }
                scorer.add(
                    event, tag: index, line: decoded[turn].line, to: &table, updatesState: updatesState,
                    completeFrom: partition.completeFrom(clock: max(table.clock.time, event.time)))
            } else if updatesState {
                table.update(event)
            }
        }
    }

    /// Keeps an event that has no prediction for the label join: it decides earlier predictions like any other.
    func keep(unscored event: CustomerEvent, at offset: Int64, before predictions: Int) {
        unscored.append(
            UnscoredEvent(
                event: LabelJoin.Event(
                    customerHash: event.customerHash, invoiceHash: event.invoiceHash, time: event.time,
                    isPurchase: event.isPurchase, offset: offset),
                predictionsBefore: predictions))
    }

    // MARK: Out of state

    /// Scores what has been taken in, publishes what is live, and joins earlier predictions with the labels that they now have.
    func publish(
        _ batch: borrowing SourceBatch, by model: ScoringModel, _ scorer: inout Scorer,
        _ monitor: inout PredictionMonitor,
        _ joined: inout LabelJoin.Batch, _ slice: RescoredSlice? = nil, into sink: any RecordSink,
        _ result: inout BatchResult
    ) throws {
        // Each event without a prediction has one with a prediction behind it in its message.
        guard scorer.pendingCount > 0 else { return }
        let begun = monotonicNanoseconds()
        var scoredAt = begun
        let (messages, runs) = (batch.messages, batch.runs)
        var (runIndex, runEnd) = (-1, 0)
        var partition: PartitionState?
        var (restoreEndOffset, isJoining) = (Int64.max, false)
        var (published, rescored, scored, passed) = (0, 0, 0, 0)
        defer { unscored.removeAll(keepingCapacity: true) }
        try scorer.score { prediction in
            if scoredAt == begun {
                scoredAt = monotonicNanoseconds()
                monitor.readClock()
            }
            if prediction.tag >= runEnd {
                if let partition { try join(joined, of: partition, into: sink, &result) }
                repeat { runIndex += 1 } while prediction.tag >= runs[runIndex].messages.upperBound
                runEnd = runs[runIndex].messages.upperBound
                partition = runs[runIndex].partition
                restoreEndOffset = runs[runIndex].partition.restoreEndOffset
                isJoining = runs[runIndex].partition.labelJoin != nil
                let first = messages[prediction.tag].offset
                runs[runIndex].partition.isScored(by: model, first...max(first, messages[runEnd - 1].offset))
                runs[runIndex].partition.labelJoin?.begin(&joined)
            }
            let message = messages[prediction.tag]
            if prediction.isShadow {
                if message.offset >= restoreEndOffset || slice?.isPublished ?? false {
                    try sink.publish(challenger: prediction, of: message, in: partition.unsafelyUnwrapped)
                }
            } else if prediction.isScheduled {
                let slice = slice ?? RescoredSlice(isPublished: message.offset >= restoreEndOffset)
                if slice.isPublished {
                    try sink.publish(prediction, of: message, in: partition.unsafelyUnwrapped)
                    rescored += 1
                }
            } else if message.offset >= restoreEndOffset {
                try sink.publish(prediction, of: message, in: partition.unsafelyUnwrapped)
                published += 1
                monitor.published(
                    prediction, probability: prediction.scores[model.servingModel(of: prediction)],
                    timestampMilliseconds: message.timestampMilliseconds)
            }
            while !prediction.isShadow, passed < unscored.count, unscored[passed].predictionsBefore <= scored {
                if isJoining { joined.append(unscored[passed].event) }
                passed += 1
            }
            if isJoining, prediction.isScheduled {
                join(prediction, of: message, slice, partition.unsafelyUnwrapped, by: model, &joined)
            } else if isJoining {
                joined.append(Self.event(prediction, of: message, by: model))
            }
            if !prediction.isShadow { scored += 1 }
        }
        if let partition { try join(joined, of: partition, into: sink, &result) }
        (result.published, result.rescored) = (published, rescored)
        result.times.score = scoredAt - begun
        result.times.publish = monotonicNanoseconds() - scoredAt
    }
}

/// A clock for durations; nanoseconds since some moment.
func monotonicNanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
