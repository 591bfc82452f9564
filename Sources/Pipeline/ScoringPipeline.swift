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
    /// What became of a batch's messages.
    package struct BatchResult {
        /// Messages with a prediction, an anonymous event or a dead letter to come of them.
        package internal(set) var live = 0
        /// Live events without a customer.
        package internal(set) var anonymous = 0
        /// Live messages that are no customer events.
        package internal(set) var rejected = 0
        /// Messages that only rebuilt state.
        package internal(set) var restored = 0
        /// Predictions handed to the sink.
        package internal(set) var published = 0
        /// Earlier predictions that live messages showed to be of customers who bought again within the horizon.
        package internal(set) var bought = 0
        /// Earlier predictions whose horizon passed without a purchase.
        package internal(set) var notBought = 0
        /// Live messages by run of the batch.
        package internal(set) var liveOfRun: [Int] = []
        /// Time spent in each stage.
        package internal(set) var times = StageTimes()
    }

    /// Time that a batch spent in each stage, nanoseconds.
    package struct StageTimes: Sendable {
        /// From bytes to events.
        package internal(set) var decode: UInt64 = 0
        /// From events to states and feature rows.
        package internal(set) var update: UInt64 = 0
        /// From feature rows to scores.
        package internal(set) var score: UInt64 = 0
        /// From scores to payloads in the sink, the label join included.
        package internal(set) var publish: UInt64 = 0

        /// Decoding and taking into state, seconds.
        package var secondsIntoState: Double { Double(decode + update) / 1e9 }
    }

    /// A message's event, and the message's place in the batch.
    private struct DecodedMessage {
        let event: CustomerEvent
        let index: Int
    }

    private let decoder: EventDecoder
    var scorer: Scorer
    private let labelJoinVersion: LabelJoin.Version
    /// What was noted of the predictions so far.
    package internal(set) var monitor: PredictionMonitor
    private var decoded: [DecodedMessage] = []
    private var rejected: [RejectedMessage] = []
    var labelJoinBatch = LabelJoin.Batch()
    /// Stands for the messages of events that were taken without one.
    var takenEvents = SourceBatch()
    private var outcomePayload: [UInt8] = []

    /// A pipeline that scores with one artifact.
    package init(decoder: EventDecoder, scorer: Scorer, monitor: PredictionMonitor) {
        self.decoder = decoder
        self.scorer = scorer
        self.monitor = monitor
        let artifact = scorer.artifact
        labelJoinVersion = LabelJoin.Version(
            version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
            models: artifact.ensemble.models)
    }

    /// The artifact that it scores with.
    package var artifact: ModelArtifact { scorer.artifact }

    /// A label join for a partition that this pipeline serves.
    /// - Parameters:
    ///   - windowDays: for how many days of event time after their horizon predictions count.
    ///   - limit: most predictions that it keeps.
    package func makeLabelJoin(windowDays: Int, limit: Int) -> LabelJoin {
        var labelJoin = LabelJoin(windowDays: windowDays, limit: limit)
        labelJoin.use(labelJoinVersion)
        return labelJoin
    }

    /// The drift window's counts as they stand; `nil` when drift is not watched.
    package func takeDriftSnapshot() -> DriftWindow.Snapshot? { monitor.drift?.takeSnapshot() }

    /// Processes a batch: takes each message into its partition's state, and hands what comes of the live ones to the sink.
    /// - Throws: what the sink throws; see `RecordSink` for what the state is then.
    /// - Complexity: O(bytes of the messages), and the ensemble's cost for each event.
    package func process(_ batch: borrowing SourceBatch, into sink: any RecordSink) throws -> BatchResult {
        var result = BatchResult()
        // They hold their partitions, which may be released by then.
        defer { rejected.removeAll(keepingCapacity: true) }
        for run in batch.runs { run.partition.table.keepRemovedIdentifiers() }
        for run in batch.runs { decodeAndUpdate(run, of: batch.messages, &result) }
        result.rejected = rejected.count
        try sink.reject(rejected, live: result.live)
        try publish(batch, &scorer, &monitor, &labelJoinBatch, into: sink, &result)
        return result
    }

    /// Forgets what a failed batch has left behind.
    package func discardPending() { scorer.removePending() }

    // MARK: Into state

    /// Takes consecutive messages of one partition into its customers' states, and the events to be scored into the scorer.
    private func decodeAndUpdate(_ run: SourceBatch.Run, of messages: [SourceMessage], _ result: inout BatchResult) {
        let partition = run.partition
        var next = partition.stateOffset
        var live = 0
        let begun = monotonicNanoseconds()
        decoder.forgetTexts()
        decoded.removeAll(keepingCapacity: true)
        for index in run.messages {
            let message = messages[index]
            guard message.offset >= next else { continue }
            next = message.offset + 1
            let isLive = message.offset >= partition.restoreEndOffset
            if isLive { live += 1 } else { result.restored += 1 }
            do throws(EventError) {
                let event = try decoder.decode(
                    message.value ?? UnsafeRawBufferPointer(start: nil, count: 0), keepingTexts: true)
                if !event.isAnonymous {
                    decoded.append(DecodedMessage(event: event, index: index))
                } else if isLive {
                    result.anonymous += 1
                }
            } catch {
                if isLive { rejected.append(RejectedMessage(partition: partition, message: message, reason: error)) }
            }
        }
        let decodedAt = monotonicNanoseconds()
        result.times.decode += decodedAt - begun
        update(&partition.table, &scorer, of: partition, messages)
        result.times.update += monotonicNanoseconds() - decodedAt
        partition.took(upTo: next)
        result.live += live
        result.liveOfRun.append(live)
    }

    /// Takes the decoded events into their customers' states.
    ///
    /// The table and the scorer are passed in, so that they are borrowed from their owners once and not for every event.
    private func update(
        _ table: inout CustomerTable, _ scorer: inout Scorer, of partition: PartitionState, _ messages: [SourceMessage]
    ) {
        let restoreEndOffset = partition.restoreEndOffset
        let labelJoinOffset = partition.labelJoin?.nextOffset ?? .max
        let isStateComplete = !partition.isIncomplete
        for turn in decoded.indices {
            table.lookAhead(from: turn, count: decoded.count) { decoded[$0].event }
            let (event, index) = (decoded[turn].event, decoded[turn].index)
            let message = messages[index]
            // A redriven event whose original is in the state does not update it.
            let updatesState = !partition.holdsOriginal(of: message)
            // 1. The customer's restored state holds the message: only the clock moves.
            // 2. It is live, or the label join has not seen it: update and score.
            // 3. It only rebuilds state: update.
            if message.offset < restoreEndOffset,
                partition.isInRestoredState(message.offset, of: event.customerID)
            {
                if updatesState { table.observe(event.time) }
            } else if message.offset >= restoreEndOffset || message.offset >= labelJoinOffset {
                scorer.add(event, tag: index, to: &table, updatesState: updatesState, isStateComplete: isStateComplete)
            } else if updatesState {
                table.update(event)
            }
        }
    }

    // MARK: Out of state

    /// Scores what has been taken in, publishes what is live, and joins earlier predictions with the labels that they now have.
    func publish(
        _ batch: borrowing SourceBatch, _ scorer: inout Scorer, _ monitor: inout PredictionMonitor,
        _ joined: inout LabelJoin.Batch, into sink: any RecordSink, _ result: inout BatchResult
    ) throws {
        guard scorer.pendingCount > 0 else { return }
        let begun = monotonicNanoseconds()
        var scoredAt = begun
        let servingModel = labelJoinVersion.servingModel
        let (messages, runs) = (batch.messages, batch.runs)
        var (runIndex, runEnd) = (-1, 0)
        var partition: PartitionState?
        var (restoreEndOffset, isJoining) = (Int64.max, false)
        var published = 0
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
                runs[runIndex].partition.labelJoin?.begin(&joined)
            }
            let message = messages[prediction.tag]
            if message.offset >= restoreEndOffset {
                try sink.publish(prediction, of: message, in: partition.unsafelyUnwrapped)
                published += 1
                monitor.published(
                    prediction, probability: prediction.scores[servingModel],
                    timestampMilliseconds: message.timestampMilliseconds)
            }
            if isJoining {
                joined.append(
                    LabelJoin.Event(
                        customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash,
                        time: prediction.time, clock: prediction.clock, isPurchase: prediction.isPurchase,
                        scores: prediction.scores, offset: message.offset))
            }
        }
        if let partition { try join(joined, of: partition, into: sink, &result) }
        result.published = published
        result.times.score = scoredAt - begun
        result.times.publish = monotonicNanoseconds() - scoredAt
    }

    /// Shows a partition's label join the predictions of a batch. What they make known of earlier ones is published with them.
    private func join(
        _ joined: LabelJoin.Batch, of partition: PartitionState, into sink: any RecordSink, _ result: inout BatchResult
    ) throws {
        let versions = sink.takesOutcomes ? partition.labelJoin?.versions ?? [] : []
        let restoreEndOffset = partition.restoreEndOffset
        var (bought, notBought) = (0, 0)
        // The label join sees the whole batch even if the sink fails, so that it stays whole.
        var failure: (any Error)?
        partition.labelJoin?.join(joined) { isBought, offset, outcome in
            guard offset >= restoreEndOffset, failure == nil else { return }
            if isBought { bought += 1 } else { notBought += 1 }
            guard !versions.isEmpty else { return }
            do {
                let outcome = outcome()
                try publish(outcome, of: versions[Int(outcome.prediction.version)], in: partition, into: sink)
            } catch {
                failure = error
            }
        }
        result.bought += bought
        result.notBought += notBought
        if let failure { throw failure }
    }

    private func publish(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, in partition: PartitionState,
        into sink: any RecordSink
    ) throws {
        let prediction = outcome.prediction
        // A customer is kept for at least a year, longer than a label can be pending: whoever is removed was so in this batch.
        guard let customerID = partition.table.customerID(ofHash: prediction.customerHash) else { return }
        outcomePayload.removeAll(keepingCapacity: true)
        OutcomeEncoder.append(outcome, of: version, customerID: customerID, to: &outcomePayload)
        try sink.publish(
            OutcomeRecord(
                predictionOffset: prediction.offset, customerID: customerID, payload: outcomePayload),
            in: partition)
    }
}

/// A clock for durations; nanoseconds since some moment.
func monotonicNanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
